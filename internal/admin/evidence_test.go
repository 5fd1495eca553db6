package admin

import (
	"errors"
	"slices"
	"testing"

	"github.com/livekey/livekey/internal/key"
)

func TestEvidenceGoesOverTheSocket(t *testing.T) {
	d := &fakeDaemon{}
	c := start(t, Options{Daemon: d})
	all, err := c.Rotations(t.Context(), "GOOD")
	if err != nil || len(all.Rotations) != 1 || all.Rotations[0].Key != "GOOD" {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := c.Rotations(t.Context(), ""); err != nil {
		t.Error(err)
	}
	s, err := c.SafeToRevoke(t.Context(), "GOOD")
	if err != nil || s.Name != "GOOD" || s.Exit != 4 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, name := range []key.Name{"NOBODY", "&key=GOOD"} {
		if _, err := c.Rotations(t.Context(), name); !errors.Is(err, key.ErrNotFound) {
			t.Errorf("rotations of %s: %v", name, err)
		}
		if _, err := c.SafeToRevoke(t.Context(), name); !errors.Is(err, key.ErrNotFound) {
			t.Errorf("safe to revoke %s: %v", name, err)
		}
	}
	if _, err := c.SafeToRevoke(t.Context(), ""); err == nil {
		t.Error("which key?")
	}
	want := []string{"rotations GOOD", "rotations ", "safe GOOD", "rotations NOBODY", "safe NOBODY", "rotations &key=GOOD", "safe &key=GOOD"}
	if got := d.asked(); !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}
