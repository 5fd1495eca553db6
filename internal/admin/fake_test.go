package admin

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/secret"
)

// fakeDaemon knows the key GOOD, of which something is held, the key CALM, of
// which nothing is, and the sink app.
type fakeDaemon struct {
	mu      sync.Mutex
	missing []string
	calls   []string
	by      Approval
	until   time.Time
	pasted  []byte       // a copy of what WhoHas was asked about
	lent    secret.Value // and that itself
	block   bool         // Refresh waits for its context
}

func (d *fakeDaemon) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, fmt.Sprintf(format, args...))
}

func (d *fakeDaemon) asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.calls...)
}

func known(name key.Name) error {
	if name == "" || name == "GOOD" || name == "CALM" {
		return nil
	}
	return fmt.Errorf("key %s: %w", name, key.ErrNotFound)
}

func (d *fakeDaemon) Status() report.Status {
	return report.Status{Ready: len(d.missing) == 0, Keys: []report.Key{{Name: "GOOD", Provider: "openai"}}}
}

func (d *fakeDaemon) Ready(sinks []string) ([]string, error) {
	d.note("ready %v", sinks)
	for _, s := range sinks {
		if s != "app" {
			return nil, fmt.Errorf("sink %s: %w", s, key.ErrNotFound)
		}
	}
	return d.missing, nil
}

func (d *fakeDaemon) Refresh(ctx context.Context, names []key.Name) error {
	d.note("refresh %v", names)
	if d.block {
		<-ctx.Done()
		return fmt.Errorf("refresh: %w", ctx.Err())
	}
	for _, n := range names {
		if err := known(n); err != nil {
			return err
		}
	}
	return nil
}

func (d *fakeDaemon) Approve(_ context.Context, name key.Name, v key.Version, by Approval) error {
	d.note("approve %s %s", name, v)
	d.by = by
	if err := known(name); err != nil {
		return err
	}
	if name == "CALM" {
		return fmt.Errorf("approve %s: nothing is held: %w", name, ErrConflict)
	}
	return nil
}

func (d *fakeDaemon) Pause(name key.Name, until time.Time, reason string) error {
	d.note("pause %s %s", name, reason)
	d.until = until
	return known(name)
}

func (d *fakeDaemon) Resume(name key.Name) error {
	d.note("resume %s", name)
	return known(name)
}

func (d *fakeDaemon) Unauthorized(_ context.Context, by Speaker, r Unauthorized, wait bool) (report.Answer, error) {
	d.note("unauthorized %s by %+v, wait %t", r.Key, by, wait)
	if known(key.Name(r.Key)) != nil {
		return report.Answer{}, ErrNoSuchKey
	}
	return report.Answer{Key: key.Name(r.Key), Verdict: report.Fine}, nil
}

func (d *fakeDaemon) Adopted(by Speaker, r Adopted) (report.Adoption, error) {
	d.note("adopted %s by %+v", r.Key, by)
	return report.Adoption{Consumer: r.Consumer}, nil
}

func (d *fakeDaemon) Glance(context.Context) { d.note("glance") }

func (d *fakeDaemon) WhoHas(_ context.Context, name key.Name, pasted secret.Value) (report.WhoHas, error) {
	d.note("who-has %s", name)
	d.mu.Lock()
	d.pasted = append([]byte(nil), pasted.Reveal()...)
	d.lent = pasted
	d.mu.Unlock()
	return report.WhoHas{Holders: []report.Holder{{Key: name, PID: 7}}}, known(name)
}

// start serves d on a fresh socket until the test ends.
func start(t testing.TB, o Options) *Client {
	t.Helper()
	return startAt(t, filepath.Join(t.TempDir(), "run", "livekey.sock"), o)
}

func startAt(t testing.TB, socket string, o Options) *Client {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	s, err := Listen(t.Context(), socket, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve after its context ended: %v", err)
		}
	})
	return NewClient(socket)
}

func (d *fakeDaemon) Rotations(name key.Name) (report.Rotations, error) {
	d.note("rotations %s", name)
	return report.Rotations{Rotations: []report.Rotation{{Key: "GOOD", Number: 1}}}, known(name)
}

func (d *fakeDaemon) SafeToRevoke(_ context.Context, name key.Name) (report.Safety, error) {
	d.note("safe %s", name)
	return report.Safety{Name: name, Exit: 4}, known(name)
}
