//go:build !linux

package supervise

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminal is the one that controls livekey, and with it the child.
type terminal struct{ f *os.File }

// openTerminal returns nil where there is no terminal.
func openTerminal() *terminal {
	f, err := os.OpenFile("/dev/tty", os.O_RDONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return nil
	}
	return &terminal{f}
}

// inForeground says whether what is typed at the terminal comes to livekey's group.
func (t *terminal) inForeground() bool {
	group, err := unix.IoctlGetInt(int(t.f.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

func (*terminal) takeBack() {}
