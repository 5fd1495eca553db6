package main

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/ui"
)

// pseudoTerminal is a terminal, and what is written to it comes out of screen.
func pseudoTerminal(t *testing.T) (screen, terminal *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return screen, terminal
}

func TestALineOfExecOnATerminalIsShort(t *testing.T) {
	screen, terminal := pseudoTerminal(t)
	t.Setenv("NO_COLOR", "1")
	x := &execution{app: &app{err: ui.New(terminal)}, level: "warn"}
	log := x.logger(config.Log{Format: "auto"})
	log.Info("not said")
	log.Warn("said", "key", "A")
	b := make([]byte, 200)
	n, err := screen.Read(b)
	if want := `^livekey: \d\d:\d\d:\d\d WARN  said key=A\r\n$`; err != nil || !regexp.MustCompile(want).Match(b[:n]) {
		t.Errorf("got %q, %v", b[:n], err)
	}
}
