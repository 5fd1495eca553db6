package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/schedule"
	"github.com/livekey/livekey/rotation"
	"github.com/livekey/livekey/sinks"
)

// Times of writing.
const (
	drain          = 5 * time.Second // a write that has begun may take this long after the stop
	sinkRetryFirst = time.Second
	sinkRetryLimit = time.Minute
	driftEvery     = 30 * time.Second
	gather         = 4 // times as long as a write took, the next one waits behind it,
	gatherLimit    = 200 * time.Millisecond
)

// sinkRun is the one writer of one sink. It works in a goroutine that exists only
// while there is something to write.
type sinkRun struct {
	Sink
	e *Engine

	reloads *reloads // nil: nobody is told

	mu        sync.Mutex
	kept      map[key.Name]*entry // what the sink has
	wanted    map[key.Name]*entry // what is to be there instead
	has       map[string]key.Fingerprint
	foreign   map[key.Name]bool // keys under whose variables the sink has bytes of somebody else
	surplus   bool              // it has variables that the config gives it no more
	shift     shift
	failures  int
	err       error
	writtenAt time.Time
}

// entry is one key of a sink.
type entry struct {
	proved proof.Proved
	at     time.Time     // of the proof
	maxAge time.Duration // an older proof is renewed before it is used
	fills  bool          // by an exception that is for an empty sink only
}

func (n *entry) print() key.Fingerprint { return n.proved.Material().Fingerprint }

// want hands a version of one key over to the sink.
func (s *sinkRun) want(name key.Name, n *entry) {
	s.mu.Lock()
	if s.wanted == nil {
		s.wanted = map[key.Name]*entry{}
	}
	s.wanted[name] = n
	s.start()
	s.mu.Unlock()
}

// withdraw forgets a version that is not written yet.
func (s *sinkRun) withdraw(name key.Name, f key.Fingerprint) {
	s.mu.Lock()
	if n, ok := s.wanted[name]; ok && n.print() == f {
		delete(s.wanted, name)
	}
	s.mu.Unlock()
}

// start makes sure that somebody writes; the caller holds mu.
func (s *sinkRun) start() {
	if s.shift.begin() {
		s.e.spawn(s.work)
	}
}

// idle returns when nothing is being written.
func (s *sinkRun) idle(ctx context.Context) { s.shift.idle(ctx, &s.mu) }

// work writes until nothing is wanted, a write fails, or ctx ends.
func (s *sinkRun) work(ctx context.Context) {
	for {
		s.noticeDrift(ctx) // what another key's write carries along must be what is there
		s.mu.Lock()
		entries, round := s.compose()
		if len(entries) == 0 || ctx.Err() != nil {
			s.shift.end()
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		began := time.Now()
		if err := s.write(ctx, entries, round); err != nil {
			s.failed(err)
			s.rest()
			return
		}
		if s.restIfDone() {
			return
		}
		select { // many keys of a large sink become current at once: let them gather
		case <-time.After(min(gather*time.Since(began), gatherLimit)):
		case <-ctx.Done():
		}
	}
}

// restIfDone rests unless something is wanted by now.
func (s *sinkRun) restIfDone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wanted) > 0 {
		return false
	}
	s.shift.end()
	return true
}

// rest ends what start began.
func (s *sinkRun) rest() {
	s.mu.Lock()
	s.shift.end()
	s.mu.Unlock()
}

// compose makes the whole content: what is wanted, and what the sink has of every
// other key. No entries: there is nothing to write. A proof that is too old is renewed
// first. The caller holds mu.
func (s *sinkRun) compose() (entries []sinks.Entry, round map[key.Name]*entry) {
	round = map[key.Name]*entry{}
	for name, n := range s.wanted {
		if n.maxAge > 0 && now().Sub(n.at) > n.maxAge {
			delete(s.wanted, name)
			s.e.keys[name].post(rotation.Outdated{At: now(), Fingerprint: n.print()})
			continue
		}
		if n.fills && s.foreign[name] { // filled by somebody else meanwhile
			delete(s.wanted, name)
			continue
		}
		round[name] = n
	}
	if len(round) == 0 && !s.sheds() {
		return nil, nil
	}
	for _, name := range s.Keys {
		n, ok := round[name]
		if !ok {
			n, ok = s.kept[name]
		}
		if !ok {
			if s.Complete && len(s.kept) == 0 {
				return nil, nil // wait until every key is there
			}
			continue
		}
		for _, v := range s.e.keys[name].variables {
			entries = append(entries, sinks.Entry{Variable: v.name, Part: v.part, From: n.proved})
		}
	}
	slices.SortFunc(entries, func(a, b sinks.Entry) int { return cmp.Compare(a.Variable, b.Variable) })
	return entries, round
}

// write notes the intent, writes, and tells the keys what they have. A write that
// has begun is finished, also when livekey is being stopped.
func (s *sinkRun) write(ctx context.Context, entries []sinks.Entry, round map[key.Name]*entry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	prints := map[string]key.Fingerprint{}
	for _, n := range entries {
		prints[n.Variable] = s.e.hasher.Part(n.From.Material().Parts[n.Part])
	}
	record, err := s.e.store.sink(s.Name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	has := s.has
	s.mu.Unlock()
	if err := s.reloads.owe(has, prints); err != nil {
		return err
	}
	if !maps.Equal(record.Has, prints) {
		record.moveTo(s.Path)
		record.Intent = prints
		if err := s.e.store.PutSync(kindSink, s.Name, record); err != nil {
			return err
		}
	}
	changed, err := s.Sink.Sink.Write(ctx, entries)
	if err != nil {
		s.reloads.unwritten()
		return err
	}
	at := now()
	if changed || record.WrittenAt.IsZero() {
		record.WrittenAt = at
	}
	record.moveTo(s.Path)
	record.Has, record.Intent = prints, nil
	s.e.keep(s.e.store.Put(kindSink, s.Name, record))
	s.mu.Lock()
	s.has, s.foreign, s.failures, s.err, s.writtenAt = prints, nil, 0, nil, record.WrittenAt
	s.surplus = false
	for name, n := range round {
		s.kept[name] = n
		if w, ok := s.wanted[name]; ok && w.print() == n.print() {
			delete(s.wanted, name)
		}
	}
	if len(s.wanted) == 0 {
		s.wanted = nil // an empty map takes as much as one of eight
	}
	s.mu.Unlock()
	s.e.alerts.resolve(s.subject(), key.SinkFailed, "it was written")
	if s.asMeant(round) {
		s.e.alerts.resolve(s.subject(), key.Drift, "it was written")
	}
	if changed {
		s.e.count.SinkWritten(s.Name, nil)
		s.e.log.InfoContext(ctx, "sink written", "sink", s.Name, "path", s.Path)
	}
	for name, n := range round {
		k := s.e.keys[name]
		k.post(rotation.Delivered{At: at, Fingerprint: n.print(), Lacking: k.lacking(n.print()), Unproved: n.proved.Unproved()})
	}
	s.reloads.written(changed, record.WrittenAt) // last: that consumers fail on a version is heard after that it is delivered
	return nil
}

// asMeant says whether what a write carried along is what its keys want there, and
// not the bytes of somebody who changed the sink.
func (s *sinkRun) asMeant(round map[key.Name]*entry) bool {
	s.mu.Lock()
	kept := maps.Clone(s.kept)
	s.mu.Unlock()
	for name, n := range kept {
		if _, written := round[name]; !written && !s.e.keys[name].wants(n.print()) {
			return false
		}
	}
	return true
}

// wants says whether f is the version that the sinks of the key are to have.
func (k *keyRun) wants(f key.Fingerprint) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.ContainsFunc([]*rotation.Version{k.state.Current, k.state.Delivering}, func(v *rotation.Version) bool {
		return v != nil && v.Fingerprint == f
	})
}

// failed tells that the sink cannot be written, and sets when to try again.
func (s *sinkRun) failed(err error) {
	s.mu.Lock()
	wait := schedule.Backoff(s.failures, sinkRetryFirst, sinkRetryLimit, schedule.Phase("sink", s.Name))
	level := slog.LevelError
	if s.err != nil && s.err.Error() == err.Error() {
		level = slog.LevelDebug // tried again, and said already
	}
	s.failures++
	s.err = err
	s.mu.Unlock()
	s.e.count.SinkWritten(s.Name, err)
	s.e.log.Log(context.Background(), level, "sink not written", "sink", s.Name, "path", s.Path, "err", err)
	actions := []string{"mend what the detail says; livekey tries again by itself"}
	switch {
	case errors.Is(err, sinks.ErrForeign):
		actions = []string{"move the file away, or set adopt: true on the sink"}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		actions = []string{fmt.Sprintf("let the user of livekey (uid %d) write in the folder of %s", os.Geteuid(), s.Path)}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		actions = []string{"make room on the file system of " + s.Path}
	}
	s.e.alerts.open(s.subject(), "", "", s.affected(), rotation.Open{
		Cause: key.SinkFailed, Severity: key.Critical,
		Summary:  "sink " + s.Name + " cannot be written; its readers keep what is there",
		Evidence: map[string]string{"sink": s.Name, "path": s.Path, "detail": err.Error()},
		Actions:  actions,
	})
	s.e.timers.set(s, now().Add(wait), func() {
		s.mu.Lock()
		s.start()
		s.mu.Unlock()
	})
}

func (s *sinkRun) subject() string { return "sink/" + s.Name }

func (s *sinkRun) affected() []string {
	names := make([]string, len(s.Keys))
	for i, name := range s.Keys {
		names[i] = "key " + string(name)
	}
	return names
}
