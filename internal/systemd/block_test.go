package systemd

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestWhatAUnitIsStartedWith(t *testing.T) {
	run := machine(t, "user/4242")
	asked := ""
	e := &Environment{run: run, uid: 4242, connect: func(_ context.Context, address string) (blocks, error) {
		asked = address
		return fakeBlocks{environment: []string{"HANDED=v", "KEPT=v"}, one: unitBlock{
			load: "loaded", environment: []string{"KEY=CANARY", "EMPTY=", "GONE=v"}, files: []string{"/etc/app.env"},
			pass: []string{"HANDED"}, unset: []string{"GONE", "KEY=other"},
		}}, nil
	}}
	for own, want := range map[bool]map[string]bool{
		false: {"KEY": true, "EMPTY": false, "GONE": true, "HANDED": true},
		true:  {"KEY": true, "EMPTY": false, "GONE": true, "HANDED": true, "KEPT": true},
	} {
		b, err := e.Block(t.Context(), "app.service", own)
		if err != nil || b.Absent || !maps.Equal(b.Set, want) || !slices.Equal(b.Files, []string{"/etc/app.env"}) || !maps.Equal(b.Unset, map[string]bool{"GONE": true}) {
			t.Errorf("own manager %t: %+v, %v", own, b, err)
		}
		if strings.Contains(asked, "4242") != own {
			t.Errorf("own manager %t: asked at %s", own, asked)
		}
	}
}

func TestAUnitThatNobodyHas(t *testing.T) {
	e := &Environment{run: machine(t), connect: func(context.Context, string) (blocks, error) {
		return fakeBlocks{one: unitBlock{load: "not-found"}}, nil
	}}
	if b, err := e.Block(t.Context(), "app.service", false); err != nil || !b.Absent {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestWithoutSystemdNobodyCanSay(t *testing.T) {
	e := &Environment{run: t.TempDir(), connect: func(context.Context, string) (blocks, error) {
		t.Error("asked")
		return nil, nil
	}}
	if _, err := e.Block(t.Context(), "app.service", false); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "none runs here") {
		t.Errorf("%v", err)
	}
}
