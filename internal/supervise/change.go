package supervise

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Change is what is done to a child when its keys change. It is a flag: Set and String
// are its texts. The zero Change does nothing.
type Change struct {
	Restart bool
	Signal  syscall.Signal // 0: none
}

const signalPrefix = "signal:"

func (c *Change) String() string {
	switch {
	case c.Restart:
		return "restart"
	case c.Signal != 0:
		return signalPrefix + strings.TrimPrefix(unix.SignalName(c.Signal), "SIG")
	default:
		return "none"
	}
}

// Set takes restart, none, or signal: and the name of a signal, such as HUP.
func (c *Change) Set(text string) error {
	name, isSignal := strings.CutPrefix(text, signalPrefix)
	switch {
	case text == "restart":
		*c = Change{Restart: true}
	case text == "none":
		*c = Change{}
	case isSignal:
		s := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG"))
		if s == 0 {
			return fmt.Errorf("no signal is called %q: HUP, USR1 and USR2 are some", name)
		}
		if s == unix.SIGKILL || s == unix.SIGSTOP {
			return fmt.Errorf("no program can take note of %s: HUP, USR1 and USR2 are some that it can", unix.SignalName(s))
		}
		*c = Change{Signal: s}
	default:
		return errors.New("either restart, signal:NAME or none")
	}
	return nil
}

// Type is what a flag of this type says it takes.
func (*Change) Type() string { return "action" }
