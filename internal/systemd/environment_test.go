package systemd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

type fakeBlocks struct {
	environment []string
	units       []service
	one         unitBlock
	err         error
}

func (f fakeBlocks) manager(context.Context) ([]string, error)       { return f.environment, f.err }
func (f fakeBlocks) services(context.Context) ([]service, error)     { return f.units, f.err }
func (f fakeBlocks) unit(context.Context, string) (unitBlock, error) { return f.one, f.err }
func (fakeBlocks) close()                                            {}

const wantedValue = "CANARY-0123456789"

func wanted() holders.Wanted {
	h := secret.NewHasher(secret.New([]byte("0123456789abcdef")))
	return holders.Wanted{Hasher: h, Prints: []key.Fingerprint{h.Part(secret.New([]byte(wantedValue)))}}
}

// machine is a run folder with a systemd, and managers of these users.
func machine(t *testing.T, users ...string) string {
	t.Helper()
	run := t.TempDir()
	for _, dir := range append([]string{"systemd/system"}, users...) {
		if err := os.MkdirAll(filepath.Join(run, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, u := range users {
		if err := os.WriteFile(filepath.Join(run, u, "bus"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return run
}

func TestEnvironmentBlocksAreSearched(t *testing.T) {
	run := machine(t, "user/4242", "user/4243")
	e := &Environment{run: run, uid: 4242, connect: func(_ context.Context, address string) (blocks, error) {
		if strings.HasSuffix(address, "user/4242/bus") {
			return fakeBlocks{environment: []string{"MINE=" + wantedValue}, units: []service{{"u.service", "", []string{"U=" + wantedValue}}}}, nil
		}
		return fakeBlocks{
			environment: []string{"PATH=/usr/bin", "KEY=" + wantedValue, "NOT=" + wantedValue + "x", wantedValue},
			units:       []service{{"app.service", "/etc/systemd/system/app.service", []string{"A=1", "TOKEN=" + wantedValue}}, {name: "user@4242.service"}, {name: "user@4243.service"}},
		}, nil
	}}
	s, err := e.Look(t.Context(), wanted())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, it := range s.Sightings {
		got = append(got, strings.Join([]string{string(it.Kind), it.Variable, it.Unit, it.UserUnit, it.Path, it.User}, "|"))
	}
	want := []string{
		"manager|KEY||||", "unit|TOKEN|app.service||/etc/systemd/system/app.service|",
		"manager|MINE||||4242", "unit|U||u.service||4242",
	}
	if !slices.Equal(got, want) {
		t.Errorf("seen\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(s.Unseen) != 1 || !strings.Contains(s.Unseen[0], "user 4243") || strings.Contains(s.Unseen[0], "4242") {
		t.Errorf("unseen: %q", s.Unseen)
	}
}

// Where nobody is logged in there is nothing that could not be asked, though /run/user is
// hidden from livekey, as from its service.
func TestWithoutManagersOfUsersAllIsSeen(t *testing.T) {
	e := &Environment{run: machine(t), uid: 4242, connect: func(context.Context, string) (blocks, error) {
		return fakeBlocks{units: []service{{"app.service", "", []string{"A=1"}}}}, nil
	}}
	if s, err := e.Look(t.Context(), wanted()); err != nil || len(s.Unseen) > 0 {
		t.Errorf("unseen: %q, %v", s.Unseen, err)
	}
}

// The bus of our own user may be hidden too: then his manager is one of those that could not be asked.
func TestAnOwnManagerThatCannotBeAskedIsSaid(t *testing.T) {
	e := &Environment{run: machine(t), uid: 4242, connect: func(_ context.Context, address string) (blocks, error) {
		if strings.Contains(address, "user/4242") {
			return nil, ErrUnreachable
		}
		return fakeBlocks{units: []service{{name: "user@4242.service"}}}, nil
	}}
	if s, err := e.Look(t.Context(), wanted()); err != nil || len(s.Unseen) != 1 || !strings.Contains(s.Unseen[0], "4242") {
		t.Errorf("unseen: %q, %v", s.Unseen, err)
	}
}

func TestWithoutSystemdThereIsNothingToSee(t *testing.T) {
	e := &Environment{run: t.TempDir(), connect: func(context.Context, string) (blocks, error) {
		t.Error("a bus was asked")
		return nil, ErrUnreachable
	}}
	if s, err := e.Look(t.Context(), wanted()); err != nil || len(s.Sightings)+len(s.Unseen) > 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestABusThatCannotBeAskedIsSaid(t *testing.T) {
	e := &Environment{run: machine(t), connect: func(context.Context, string) (blocks, error) { return nil, ErrUnreachable }}
	if _, err := e.Look(t.Context(), wanted()); !errors.Is(err, ErrUnreachable) || !strings.HasPrefix(err.Error(), "environment blocks of systemd") {
		t.Errorf("%v", err)
	}
	e.connect = func(context.Context, string) (blocks, error) { return fakeBlocks{err: ErrDenied}, nil }
	if _, err := e.Look(t.Context(), wanted()); !errors.Is(err, ErrDenied) {
		t.Errorf("%v", err)
	}
}
