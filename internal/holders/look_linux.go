package holders

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/procfs"
	"github.com/livekey/livekey/internal/secret"
)

// Look needs some 15 µs of CPU a process, at idle priority where the system allows that. Its error is
// that of ctx, or that there is no procfs.
func (l *Local) Look(ctx context.Context, w Wanted) (found Scan, err error) {
	if waited := behind.do(ctx, func() { found, err = l.look(ctx, w) }); waited != nil {
		return Scan{}, waited
	}
	return found, err
}

// Look searches the files, at idle priority too.
func (f Files) Look(ctx context.Context, w Wanted) (Scan, error) {
	s := &scan{match: w.Hasher.Matcher(w.Prints), out: Scan{At: time.Now()}}
	if err := behind.do(ctx, func() { s.files(ctx, f.Globs) }); err != nil {
		return Scan{}, err
	}
	return s.out, ctx.Err()
}

func (l *Local) look(ctx context.Context, w Wanted) (Scan, error) {
	now := time.Now()
	fd, err := unix.Open(l.opt.Proc, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Scan{}, fmt.Errorf("look for holders in %s: %w", l.opt.Proc, err)
	}
	s := newScan(w, procDir{fd}, now)
	defer s.proc.close()
	pids, err := s.pids()
	if err != nil {
		return Scan{}, fmt.Errorf("list the processes in %s: %w", l.opt.Proc, err)
	}
	s.limits(l.opt.Proc, pids)
	sinks := s.sinks(w.Files)
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return Scan{}, err
		}
		s.environment(pid)
		sinks.look(pid) // at once, while the kernel has all of the process at hand
	}
	s.exporters()
	s.files(ctx, l.opt.Files)
	s.out.Unseen = append(s.out.Unseen, s.unseen.lines(s.users)...)
	return s.out, ctx.Err()
}

// scan is one look.
type scan struct {
	proc  procDir
	match *secret.Matcher
	env   variables
	links []byte // a buffer for where links lead, and for directories

	places places
	boot   time.Time
	seen   map[int]*seen // the processes that hold something, and ancestors of theirs
	users  users
	unseen unseen
	out    Scan
}

func newScan(w Wanted, proc procDir, now time.Time) *scan {
	return &scan{
		proc: proc, match: w.Hasher.Matcher(w.Prints), env: newVariables(), links: make([]byte, unix.PathMax),
		boot: bootTime(now), seen: map[int]*seen{}, users: users{}, unseen: unseen{}, out: Scan{At: now},
	}
}

// pids are the processes that there are, in order.
func (s *scan) pids() (pids []int, err error) {
	names, err := s.proc.entries(make([]byte, 32<<10))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, err
}

// environment looks into that of a process.
//
// An open environ belongs to the program that the process ran when it was opened, so one
// open and its reads are enough to find that there is nothing, which is what nearly
// every process costs. Whoever has something is held and read again.
func (s *scan) environment(pid int) {
	if s.match.Idle() {
		return
	}
	found, err := s.hits(s.proc, strconv.Itoa(pid)+"/environ")
	switch {
	case denied(err):
		s.refused(pid)
	case err == nil:
		s.out.Processes++
	}
	if len(found) > 0 {
		s.confirm(pid, found)
	}
}

// hits are what one environment has. A process that ends meanwhile has what was read.
func (s *scan) hits(at procDir, name string) (found []hit, err error) {
	fd, err := at.openat(name, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	_, err = s.env.each(reader(fd), func(variable []byte) { found = hits(found, s.match, variable) })
	if denied(err) {
		return nil, err
	}
	return found, nil
}

// confirm tells what a process has, of which before was seen, and who it is. Its number may
// be another's by now: so all is read through one process, which is held. And it may have
// become another program: so its environment is read once more after the rest, and all of
// it again until it does not change.
func (s *scan) confirm(pid int, before []hit) {
	p, err := s.proc.hold(pid)
	if err != nil {
		return
	}
	defer p.dir.close()
	const changes = 3 // of program, while it is looked at: the last one is seen by the next look
	for range changes {
		who, ok := s.describe(p)
		after, _ := s.hits(p.dir, "environ")
		now, still := s.stat(p)
		if !ok || !still {
			return
		}
		if now.Start == who.Start && slices.Equal(before, after) {
			s.keep(who, after)
			return
		}
		before = after
	}
}

// keep adds a sighting for each fingerprint and variable.
func (s *scan) keep(who *seen, found []hit) {
	s.seen[who.pid] = who
	for _, h := range found {
		who.prints = append(who.prints, h.print)
		it := who.sighting(InProcess)
		it.Print, it.Variable = h.print, h.variable
		s.out.Sightings = append(s.out.Sightings, it)
	}
}

// refused counts a process whose environment is not shown, if it has one.
func (s *scan) refused(pid int) {
	p, err := s.proc.hold(pid)
	if err != nil {
		return
	}
	defer p.dir.close()
	text, err := p.dir.text("status")
	if state, err := procfs.ParseStatus(text); err == nil {
		if state.Memory {
			s.unseen.count(state.UID)
		}
		return
	}
	var owner unix.Stat_t // of a process that shows nothing but that it is there
	if denied(err) && unix.Fstat(p.dir.fd, &owner) == nil {
		s.unseen.count(int(owner.Uid))
	}
}

// self is livekey's own process.
var self = os.Getpid()
