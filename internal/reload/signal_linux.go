package reload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/procfs"
)

var signals = map[string]unix.Signal{"HUP": unix.SIGHUP, "USR1": unix.SIGUSR1, "USR2": unix.SIGUSR2, "WINCH": unix.SIGWINCH}

// held is a process by its pidfd: whoever gets its number later is not meant.
type held struct {
	fd     int
	number int
	uid    int // who started it
	sig    unix.Signal
}

func (p held) pid() int { return p.number }
func (p held) close()   { _ = unix.Close(p.fd) }

// open holds a process; errGone where there is none. What is read of it afterwards is its
// own as long as it has not ended.
func open(pid int, sig unix.Signal) (held, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	switch {
	case errors.Is(err, unix.ESRCH), errors.Is(err, unix.EINVAL): // no process, or a thread
		return held{}, errGone
	case err != nil:
		return held{}, fmt.Errorf("%w: hold process %d: %w", ErrUnasked, pid, err)
	}
	p := held{fd: fd, number: pid, sig: sig}
	s, err := p.status()
	if err != nil {
		defer p.close()
		if p.ended(0) {
			return held{}, errGone
		}
		return held{}, fmt.Errorf("%w: process %d is hidden from livekey: %s", ErrUnasked, pid, dropInHint)
	}
	p.uid = s.Real // anybody may start a setuid program, by any name
	return p, nil
}

func (p held) status() (procfs.Status, error) {
	text, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return procfs.Status{}, err
	}
	return procfs.ParseStatus(text)
}

const dropInHint = "`livekey config systemd` prints the drop-in that shows it, and lets livekey signal it"

func (p held) proc(file string) string { return filepath.Join("/proc", strconv.Itoa(p.number), file) }

// ended says whether the process ends within so many milliseconds.
func (p held) ended(milliseconds int) bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, milliseconds) //nolint:gosec // a descriptor is small
	return n > 0
}

// outlivesEvery bounds how long a stop of livekey waits here.
const outlivesEvery = 100 * time.Millisecond

func (p held) outlives(ctx context.Context, d time.Duration) (bool, error) {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if p.ended(int(min(max(left, 0), outlivesEvery).Milliseconds())) {
			return false, nil
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if left <= 0 {
			return true, nil
		}
	}
}

// send sends the signal to a process that handles it: another one would end by it, or
// take no notice.
func (p held) send() error {
	handles, err := p.handles()
	switch {
	case p.ended(0):
		return errGone
	case err != nil:
		return fmt.Errorf("%w: see whether it handles the signal: %w", ErrUnasked, err)
	case !handles:
		return fmt.Errorf("%w: it does not handle SIG%s: it would end, or take no notice", ErrUnasked, name(p.sig))
	}
	switch err := unix.PidfdSendSignal(p.fd, p.sig, nil, 0); {
	case errors.Is(err, unix.ESRCH):
		return errGone
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: livekey, with uid %d, may not signal a process of uid %d: %s; a unit is better told with on_change: {systemd: …}",
			ErrUnasked, os.Geteuid(), p.uid, dropInHint)
	case err != nil:
		return fmt.Errorf("%w: send signal: %w", ErrUnasked, err)
	}
	return nil
}

func name(s unix.Signal) string { return strings.TrimPrefix(unix.SignalName(s), "SIG") }

// handles says whether the process catches the signal.
func (p held) handles() (bool, error) {
	s, err := p.status()
	return s.Caught&(1<<(p.sig-1)) != 0, err
}

// hold is find of one process that is known by its number.
func (s Signal) hold(pid int) ([]process, error) {
	p, err := open(pid, signals[s.Signal])
	switch {
	case errors.Is(err, errGone):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return []process{p}, nil
}

func (s Signal) look() ([]process, error) {
	if s.PIDFile != "" {
		return s.byFile()
	}
	return s.byName()
}

// maxPIDFile is far more than a number takes.
const maxPIDFile = 64

// byFile holds the process whose number is in the file. Only root, livekey's user and the
// process's own may say which one that is.
func (s Signal) byFile() ([]process, error) {
	f, err := os.OpenFile(s.PIDFile, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: read pid file: %w", ErrUnasked, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: read pid file: %w", ErrUnasked, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrUnasked, s.PIDFile)
	case info.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("%w: others may write %s, and so choose who gets the signal: chmod go-w it", ErrUnasked, s.PIDFile)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPIDFile))
	if err != nil {
		return nil, fmt.Errorf("%w: read pid file: %w", ErrUnasked, err)
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil || pid <= 1 {
		return nil, fmt.Errorf("%w: %s holds no number of a process", ErrUnasked, s.PIDFile)
	}
	all, err := s.hold(pid)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if p := all[0].(held); owner != 0 && int64(owner) != int64(os.Geteuid()) && int64(owner) != int64(p.uid) {
		p.close()
		return nil, fmt.Errorf("%w: %s belongs to uid %d, and process %d to uid %d: a stale file, or somebody chooses who gets the signal",
			ErrUnasked, s.PIDFile, owner, pid, p.uid)
	}
	return all, nil
}

// maxComm is what the kernel keeps of a process's name, in bytes.
const maxComm = 15

// byName holds every process of the name.
func (s Signal) byName() (all []process, err error) {
	if _, err := os.Stat("/proc/1"); err != nil {
		return nil, fmt.Errorf("%w: processes of others are hidden from livekey: %s", ErrUnasked, dropInHint)
	}
	uid := os.Getuid() // anybody may give his process any name: only livekey's own, unless the config says whose
	if s.User != "" {
		u, err := user.Lookup(s.User)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnasked, err)
		}
		if uid, err = strconv.Atoi(u.Uid); err != nil {
			return nil, fmt.Errorf("%w: user %s: %w", ErrUnasked, s.User, err)
		}
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("%w: list processes: %w", ErrUnasked, err)
	}
	defer func() {
		if err != nil {
			for _, p := range all {
				p.close()
			}
			all = nil
		}
	}()
	for _, entry := range entries {
		pid, errPID := strconv.Atoi(entry.Name())
		if errPID != nil || pid == os.Getpid() || !s.named(pid) {
			continue
		}
		p, err := open(pid, signals[s.Signal])
		switch {
		case errors.Is(err, errGone):
		case err != nil:
			return all, err
		case !s.named(pid) || p.uid != uid: // looked at again, now that it is held
			p.close()
		default:
			all = append(all, p)
		}
	}
	return all, nil
}

// named says whether the process with this number has the name.
func (s Signal) named(pid int) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	return err == nil && strings.TrimSuffix(string(text), "\n") == s.Process[:min(len(s.Process), maxComm)]
}
