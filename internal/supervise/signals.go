package supervise

import (
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// endings are the signals that tell a program to end. Those that it may survive, as a
// shell does Ctrl-C, say nothing about livekey; TERM means both.
var endings = []syscall.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM}

// Forwarded are the signals that a child is to get from livekey: all that mean
// something to it. The rest are livekey's own, or the kernel's.
func Forwarded() []os.Signal {
	all := []os.Signal{
		unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH, unix.SIGALRM,
	}
	if t := openTerminal(); t != nil {
		_ = t.f.Close()
	} else { // it would stop and continue the child itself, as one of our group
		all = append(all, unix.SIGTSTP, unix.SIGCONT)
	}
	return append(all, realTime()...)
}

// Ends says whether sig tells a program to end.
func Ends(sig os.Signal) bool {
	n, ok := sig.(syscall.Signal)
	return ok && slices.Contains(endings, n)
}

// forward hands a signal that livekey got on to the child.
func (s *Supervisor) forward(sig os.Signal) {
	n, ok := sig.(syscall.Signal)
	if !ok {
		return
	}
	s.told = s.told || Ends(n)
	s.ending = s.ending || n == unix.SIGTERM
	switch {
	case s.child == nil: // between two of them
		if Ends(n) {
			s.finish(128 + int(n))
		}
	case s.stopping && n == unix.SIGTERM: // it has it, and now has as long as whoever sent it allows
		s.kill.Stop()
	case !s.heard(n):
		s.child.signal(n)
	}
	if s.told && s.child != nil {
		s.child.spare() // no child is to follow
	}
	if n == unix.SIGTSTP {
		s.pause()
	}
}
