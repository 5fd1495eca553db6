// Package systemd asks the systemd of this machine over D-Bus: how a unit is, and to
// reload or restart it. It has no connection of its own: who needs one dials, and
// closes it.
package systemd

import (
	"context"
	"errors"
	"fmt"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// Conn is a connection to the system's bus. Safe for concurrent use.
type Conn struct{ bus *dbus.Conn }

// Errors that a caller branches on. What wraps them says what to do.
var (
	ErrUnreachable = errors.New("systemd cannot be asked")
	ErrDenied      = errors.New("not allowed")
)

// Dial connects. The connection ends with ctx, or with Close, whichever is first.
func Dial(ctx context.Context) (*Conn, error) {
	bus, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; livekey reaches it over /run/dbus/system_bus_socket, where dbus runs and no container hides it", ErrUnreachable, err)
	}
	return &Conn{bus}, nil
}

// Close ends the connection.
func (c *Conn) Close() { c.bus.Close() }

// classify gives an error of the bus its sentinel.
func classify(err error) error {
	var answer godbus.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &answer):
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	switch answer.Name {
	case "org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
		"org.freedesktop.DBus.Error.AuthFailed":
		return fmt.Errorf("%w: %s", ErrDenied, answer.Error())
	case "org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.ServiceUnknown",
		"org.freedesktop.DBus.Error.Disconnected", "org.freedesktop.DBus.Error.TimedOut":
		return fmt.Errorf("%w: %s", ErrUnreachable, answer.Error())
	}
	return err
}
