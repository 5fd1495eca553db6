// Package sourcetest is the conformance suite of sources. A kind passes when
// Run passes with a Harness over a backend that is as real as a test can have.
package sourcetest

import (
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
)

// A Harness is one backend, empty at first, and the ways to change it that the
// suite needs. Names are made of [A-Z0-9_], so that every kind can have them.
// Each func may end the test that it is given.
type Harness struct {
	// Open makes a Source over the backend. The suite calls it after its first
	// Put and keeps the Source through later ones.
	Open func(t *testing.T) sources.Source

	// Location says where Put leaves the record of a name: without a version.
	Location func(name string) key.Location

	// Put stores data as the newest version of name, as a whole: a file is
	// renamed over, a KV record gets a new version.
	Put func(t *testing.T, name string, data []byte)

	// Delete takes name out of the backend. Nil: the backend cannot change
	// under an open Source, and what needs that is left out.
	Delete func(t *testing.T, name string)

	// Value picks out of a record what Put was given. Nil: it is the whole of
	// Record.Data. A backend whose record is an envelope opens it here.
	Value func(t *testing.T, r sources.Record) []byte

	// Carries says whether the backend can hold data at all. Nil: anything.
	Carries func(data []byte) bool

	// Numbers says that Record.Version and Record.Number are filled in, that
	// the number grows with every Put, and that Location.Version reads an
	// older version.
	Numbers bool

	// Faults are the ways in which this backend fails beside "not there", by
	// name. Each puts canary where the failing read meets it and returns what
	// to fetch. The error must be none of key.ErrNotFound and quote nothing.
	Faults map[string]func(t *testing.T, canary []byte) key.Location

	// Address is where the backend listens, host and port, and OpenAt is Open for one
	// that seems to listen elsewhere: at a proxy that fails. Nil: it has no address.
	Address string
	OpenAt  func(t *testing.T, address string) sources.Source

	// Within is how soon a Watcher tells of a Put. Zero: a second.
	Within time.Duration
}

func (h Harness) value(t *testing.T, r sources.Record) []byte {
	t.Helper()
	if h.Value == nil {
		return r.Data.Reveal()
	}
	return h.Value(t, r)
}

func (h Harness) carries(data []byte) bool { return h.Carries == nil || h.Carries(data) }

func (h Harness) changes() bool { return h.Delete != nil }

// Run holds a kind to the contract of package sources. newHarness is called
// once for each test, so that no test sees the records of another.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	t.Helper()
	for _, test := range []struct {
		rule string
		run  func(t *testing.T, h Harness)
	}{
		{"a record comes back byte for byte", byteForByte},
		{"a record that is not there is not found", notFound},
		{"a deleted record is not found", deleted},
		{"the next read sees what was just stored", nothingCached},
		{"no error quotes a record", nothingQuoted},
		{"a canceled context ends the read", canceled},
		{"many may read at once", manyAtOnce},
		{"an older version can be read by its id", olderVersion},
		{"a former version is found by the name that it had", formerVersion},
		{"an unknown parameter is a fault", unknownParameter},
		{"a read that is cut off at any byte is an error, or whole", cutOff},
		{"a read of a backend that falls silent ends with its context", halfOpen},
		{"a read that is late or slow succeeds", lateAndSlow},
		{"a watch tells of a change and ends with its context", watch},
	} {
		t.Run(test.rule, func(t *testing.T) { test.run(t, newHarness(t)) })
	}
}
