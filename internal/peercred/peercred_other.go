//go:build !linux

package peercred

import (
	"errors"
	"net"
)

// Of cannot ask.
func Of(*net.UnixConn) (Cred, error) { return Cred{}, errors.ErrUnsupported }
