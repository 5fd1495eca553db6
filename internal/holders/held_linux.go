package holders

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/secret"
)

// Process looks into one process. Of variables it tells fingerprints under h; the text it
// tells of settings alone, none of which is a credential. Its error says that there is no
// such process, or that it shows its environment to others only.
func (l *Local) Process(pid int, h secret.Hasher, variables, settings []string) (Started, error) {
	fd, err := unix.Open(l.opt.Proc, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Started{}, fmt.Errorf("look into process %d in %s: %w", pid, l.opt.Proc, err)
	}
	s := newScan(Wanted{}, procDir{fd}, time.Now())
	defer s.proc.close()
	if first, err := s.proc.text("1/cgroup"); err == nil {
		s.places = newPlaces(first)
	}
	p, err := s.proc.hold(pid)
	if err != nil {
		return Started{}, fmt.Errorf("look into process %d: %w", pid, err)
	}
	defer p.dir.close()
	who, ok := s.describe(p)
	if !ok {
		return Started{}, fmt.Errorf("look into process %d: %w", pid, unix.ESRCH)
	}
	out := Started{
		PID: pid, UID: who.uid, User: who.user, Command: who.command, At: who.started, Unit: who.at.unit, UserUnit: who.at.userUnit,
		Held: map[string]Held{}, Settings: map[string]string{},
	}
	environ, err := p.dir.openat("environ", 0)
	if err == nil {
		defer func() { _ = unix.Close(environ) }()
		_, err = s.env.each(reader(environ), func(variable []byte) { out.take(h, variable, variables, settings) })
	}
	if err != nil {
		return Started{}, fmt.Errorf("read the environment of process %d, of user %s: %w", pid, who.user, err)
	}
	return out, nil
}

// take keeps what is wanted of one variable. The first of a name is the one that programs see.
func (s *Started) take(h secret.Hasher, variable []byte, variables, settings []string) {
	name, value, ok := bytes.Cut(variable, []byte{'='})
	if !ok {
		return
	}
	n := string(name)
	if slices.Contains(settings, n) && s.Settings[n] == "" {
		s.Settings[n] = withoutUser(value)
	}
	if _, twice := s.Held[n]; twice || !slices.Contains(variables, n) {
		return
	}
	held := Held{Empty: len(value) == 0}
	if !held.Empty {
		held.Print = h.Part(secret.New(value))
		if bare := bytes.Trim(value, quotes+blanks); len(bare) > 0 && len(bare) < len(value) {
			held.Bare = h.Part(secret.New(bare))
		}
	}
	s.Held[n] = held
}

// withoutUser is a setting, which may be an address, without the user and password in it.
func withoutUser(value []byte) string {
	scheme, rest, ok := bytes.Cut(value, []byte("://"))
	if !ok {
		return string(value)
	}
	authority, _, _ := bytes.Cut(rest, []byte("/"))
	return string(scheme) + "://" + string(rest[bytes.LastIndexByte(authority, '@')+1:])
}
