package engine

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/rotation"
	"github.com/livekey/livekey/sources"
)

// Times of telling.
const (
	unreadableTell = 30 * time.Second // a source that cannot be read for this long is told
	tellEvery      = time.Second      // and who is affected is looked up at most this often
)

// sight is by what a record is recognized when it is read again, without its bytes.
type sight struct {
	data    uint64 // a hash under a seed of this process
	version key.Version
	number  int64
}

// look says whether a read found what the one before it found. Only who reads the
// location calls it.
func (l *location) look(seed secret.Seed, rec sources.Record, err error) (same bool) {
	var now sight
	if err == nil {
		now = sight{seed.Hash(rec.Data), rec.Version, rec.Number}
	}
	same = err == nil && now == l.seen
	l.seen = now
	return same
}

func (s *sourceRun) subject() string { return "source/" + s.name }

// tell opens or resolves the alert of a source that cannot be read.
func (s *sourceRun) tell(at time.Time, err error) {
	s.mu.Lock()
	fine := s.failing == 0
	due := err != nil && !errors.Is(err, key.ErrNotFound) && at.Sub(s.told) >= tellEvery
	var names []string
	var since time.Time
	if due && !fine {
		s.told = at
		names, since = s.unreadable(at)
	}
	s.mu.Unlock()
	switch {
	case fine:
		s.e.alerts.resolve(s.subject(), key.SourceUnreachable, "the source answers again")
	case due && at.Sub(since) >= unreadableTell:
		s.e.alerts.open(s.subject(), "", "", names, rotation.Open{
			Cause: key.SourceUnreachable, Severity: key.Warning,
			Summary:  "source " + s.name + " cannot be read; what is delivered stays",
			Evidence: map[string]string{"source": s.name, "detail": err.Error()},
			Actions:  []string{"see what it answers: livekey check"},
		})
	}
}

// unreadable names the keys that cannot be read, and says since when. The caller holds mu.
func (s *sourceRun) unreadable(at time.Time) (names []string, since time.Time) {
	since = at
	for _, l := range s.locations {
		if l.failures == 0 {
			continue
		}
		if l.failed.Before(since) {
			since = l.failed
		}
		for _, k := range l.keys {
			names = append(names, "key "+string(k.Name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), since
}

// read takes what a location returned to the key. What it returned before, and the key
// has made its current version of, is no news.
func (k *keyRun) read(loc key.Location, rec sources.Record, same bool, err error) {
	at := now()
	k.mu.Lock()
	first := k.failing[loc] == ""
	if err != nil && !errors.Is(err, key.ErrNotFound) {
		if k.failing == nil {
			k.failing = map[key.Location]string{}
		}
		k.failing[loc] = err.Error()
	} else {
		delete(k.failing, loc)
	}
	known := same && !k.shift.busy() && k.state.Steady(k.latest)
	k.mu.Unlock()
	switch {
	case errors.Is(err, key.ErrNotFound):
		k.post(rotation.Vanished{At: at, Detail: err.Error()})
	case err != nil:
		if first {
			k.e.log.Warn("key not read", "key", k.Name, "from", loc.String(), "err", err)
		}
	case !known:
		k.fetched(at, loc, rec)
	}
}

// fetched makes a version of what was read, once every part is there.
func (k *keyRun) fetched(at time.Time, loc key.Location, rec sources.Record) {
	k.mu.Lock()
	records := map[key.Location]sources.Record{loc: rec}
	if len(k.places) > 1 {
		if k.records == nil {
			k.records = map[key.Location]sources.Record{}
		}
		k.records[loc] = rec
		records = maps.Clone(k.records)
		if len(records) < len(k.places) {
			k.mu.Unlock()
			return
		}
	}
	var m proof.Material
	var number int64
	var fault *key.Verdict
	secret.Do(func() { m, number, fault = k.material(k.e.hasher, records) })
	k.latest = m.Fingerprint
	k.mu.Unlock()
	q := queued{event: rotation.Fetched{
		At: at, Version: m.Version, Number: number, Fingerprint: m.Fingerprint, Parts: partPrints(k.e.hasher, m), Fault: fault,
	}}
	if fault == nil {
		q.material = &m
	}
	k.enqueue(q)
}

// wasRead says whether every place of the key was read in this run, with whatever success.
func (k *keyRun) wasRead() bool {
	for _, l := range k.places {
		if !l.tried.Load() {
			return false
		}
	}
	return true
}

// partPrints are the fingerprints of the parts of a version that has several, sorted.
func partPrints(h secret.Hasher, m proof.Material) []key.Fingerprint {
	if len(m.Parts) < 2 {
		return nil
	}
	prints := make([]key.Fingerprint, 0, len(m.Parts))
	for _, v := range m.Parts {
		prints = append(prints, h.Part(v))
	}
	slices.Sort(prints)
	return slices.Compact(prints)
}
