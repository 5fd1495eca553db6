package holders

import (
	"bytes"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/procfs"
)

// seen is one process that a look has come to know.
type seen struct {
	procfs.Stat

	pid     int
	uid     int
	user    string
	command string
	started time.Time
	at      place
	prints  []key.Fingerprint // none of an ancestor that only leads to others
}

func (w *seen) sighting(kind Kind) Sighting {
	return Sighting{
		Kind: kind, PID: w.pid, UID: w.uid, User: w.user, Command: w.command, Started: w.started,
		Unit: w.at.unit, UserUnit: w.at.userUnit, Container: w.at.container, Pod: w.at.pod,
	}
}

// describe tells who a process is. Not ok: it has ended.
func (s *scan) describe(p process) (who *seen, ok bool) {
	st, ok := s.stat(p)
	if !ok {
		return nil, false
	}
	text, _ := p.dir.text("status")
	state, err := procfs.ParseStatus(text)
	if err != nil {
		return nil, false
	}
	groups, _ := p.dir.text("cgroup")
	return &seen{
		Stat: st, pid: p.pid, uid: state.UID, user: s.users.name(state.UID), command: s.command(p),
		started: s.boot.Add(time.Duration(st.Start) * procfs.Tick).Round(procfs.Tick), //nolint:gosec // ages of a machine
		at:      s.places.of(groups),
	}, true
}

func (s *scan) stat(p process) (procfs.Stat, bool) {
	text, _ := p.dir.text("stat")
	return procfs.ParseStat(text)
}

// command is what a process is called. Arguments are never looked at: others write secrets
// there.
func (s *scan) command(p process) string {
	name, _ := p.dir.text("comm")
	program, _ := p.dir.link("exe", s.links)
	return commandOf(string(bytes.TrimSuffix(name, []byte("\n"))), string(program))
}

// bootTime is when the machine started, by the clock of now, so that a start in ticks
// becomes a time that can be compared with others.
func bootTime(now time.Time) time.Time {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return now.Round(0)
	}
	return now.Round(0).Add(-time.Duration(up.Nano())) // without the clock that only this process has
}

// exporters adds to each process those of its ancestors that hold the same.
func (s *scan) exporters() {
	for i := range s.out.Sightings {
		it := &s.out.Sightings[i]
		if it.Kind != InProcess {
			continue
		}
		child := s.seen[it.PID]
		const deepest = 64 // more generations than anybody starts; so a circle, which a race can fake, ends
		for range deepest {
			parent := s.ancestor(child)
			if parent == nil {
				break
			}
			if slices.Contains(parent.prints, it.Print) {
				it.Exporters = append(it.Exporters, Exporter{parent.pid, parent.command})
			}
			child = parent
		}
	}
}

// ancestor is the parent of a process. One that is younger only has the number of a
// parent that has ended.
func (s *scan) ancestor(child *seen) *seen {
	if child.Parent <= 0 {
		return nil
	}
	parent := s.seen[child.Parent]
	if parent == nil {
		p, err := s.proc.hold(child.Parent)
		if err != nil {
			return nil
		}
		defer p.dir.close()
		st, ok := s.stat(p)
		if !ok {
			return nil
		}
		parent = &seen{Stat: st, pid: child.Parent}
		s.seen[child.Parent] = parent
	}
	if parent.Start > child.Start {
		return nil
	}
	return parent
}
