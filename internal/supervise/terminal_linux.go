package supervise

import (
	"errors"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// terminal is the one that controls livekey, and with it the child.
type terminal struct {
	f     *os.File
	modes *unix.Termios // as they were before the first child
}

// openTerminal returns nil where there is no terminal: in a service, a container, CI.
func openTerminal() *terminal {
	f, err := os.OpenFile("/dev/tty", os.O_RDONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return nil
	}
	t := &terminal{f: f}
	if modes, err := unix.IoctlGetTermios(t.fd(), unix.TCGETS); err == nil {
		t.modes = modes
	}
	return t
}

func (t *terminal) fd() int { return int(t.f.Fd()) }

func (t *terminal) foreground() int {
	group, err := unix.IoctlGetInt(t.fd(), unix.TIOCGPGRP)
	if err != nil {
		return 0
	}
	return group
}

// inForeground says whether what is typed at the terminal comes to livekey's group.
func (t *terminal) inForeground() bool { return t.foreground() == unix.Getpgrp() }

// takeBack gives the next child the terminal as the first one found it. A shell that was
// killed has left it to a group that is no more, and in modes of its own.
func (t *terminal) takeBack() {
	if group := t.foreground(); group > 0 && errors.Is(unix.Kill(-group, 0), unix.ESRCH) {
		signal.Ignore(unix.SIGTTOU) // or the kernel stops who asks from the background
		_ = unix.IoctlSetPointerInt(t.fd(), unix.TIOCSPGRP, unix.Getpgrp())
		signal.Reset(unix.SIGTTOU)
	}
	if t.modes != nil && t.inForeground() {
		_ = unix.IoctlSetTermios(t.fd(), unix.TCSETSW, t.modes)
	}
}
