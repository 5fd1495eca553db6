package systemd

import (
	"context"
	"errors"
	"testing"

	godbus "github.com/godbus/dbus/v5"
)

func TestAnErrorOfTheBusSaysWhetherAnybodyWasAsked(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want error // nil: neither
	}{
		{"polkit says no", godbus.Error{Name: "org.freedesktop.DBus.Error.AccessDenied"}, ErrDenied},
		{"polkit would ask a person", godbus.Error{Name: "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"}, ErrDenied},
		{"systemd does not answer", godbus.Error{Name: "org.freedesktop.DBus.Error.NoReply"}, ErrUnreachable},
		{"the connection broke", errors.New("EOF"), ErrUnreachable},
		{"systemd refused", godbus.Error{Name: "org.freedesktop.systemd1.JobTypeNotApplicable"}, nil},
	} {
		got := classify(c.err)
		for _, sentinel := range []error{ErrDenied, ErrUnreachable} {
			if errors.Is(got, sentinel) != errors.Is(c.want, sentinel) {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
			}
		}
	}
}

func TestNoBusIsSaidWithItsPlace(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
	if _, err := Dial(context.Background()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v, want %v", err, ErrUnreachable)
	}
}

func TestOnlyWhatRunsIsRunning(t *testing.T) {
	for state, want := range map[string]bool{
		"active": true, "reloading": true, "activating": true, "inactive": false, "failed": false, "deactivating": false, "": false,
	} {
		if got := (Unit{Active: state}).Running(); got != want {
			t.Errorf("%q: running %t, want %t", state, got, want)
		}
	}
}
