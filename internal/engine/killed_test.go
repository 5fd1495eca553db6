package engine

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
)

// A life is the journal of one run, and what the sink had after how many records.
type life struct {
	records [][]byte
	sink    []map[string]string // by the number of records before it was written
}

// rotated plays a first delivery, the death of the key, an alert, and a replacement
// that ends it. No channel takes anything meanwhile.
func rotated(t *testing.T) (l life) {
	t.Helper()
	bubble(t, func(t *testing.T, w *world) {
		path := filepath.Join(w.dir, journal.FileName)
		read := func() [][]byte {
			all, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return slices.Collect(bytes.Lines(all))
		}
		var written []int
		var contents []map[string]string
		w.setup = func(o *Options) {
			o.Sinks[0].Sink = watchedSink{w.sinks["app"], func() {
				written = append(written, len(read()))
				contents = append(contents, maps.Clone(w.sinks["app"].content))
			}}
		}
		w.channel.fail(errBoom)
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		pass(time.Second)
		w.issuer.is("v1", key.Dead, key.Invalid, "")
		pass(20 * time.Minute)
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v2")
		pass(time.Minute)
		w.wantSink("v2")
		w.stop()
		l.records = read()
		contents = append(contents[1:], w.sinks["app"].content)
		for n := range len(l.records) + 1 {
			var has map[string]string
			for i, at := range written {
				if at <= n {
					has = contents[i]
				}
			}
			l.sink = append(l.sink, has)
		}
	})
	return l
}

// Killed after any record of its journal, before or after the write that followed,
// livekey ends where it would have ended, and whoever heard of an alert hears its end.
func TestKilledAfterAnyRecordItConverges(t *testing.T) {
	l := rotated(t)
	if len(l.records) < 20 {
		t.Fatalf("only %d records", len(l.records))
	}
	for n := range len(l.records) + 1 {
		for _, has := range []map[string]string{l.sink[max(0, n-1)], l.sink[n]} {
			bubble(t, func(t *testing.T, w *world) {
				if err := os.WriteFile(filepath.Join(w.dir, journal.FileName), bytes.Join(l.records[:n], nil), 0o600); err != nil {
					t.Fatal(err)
				}
				w.sinks["app"].set(has, has != nil)
				w.issuer.is("v2", key.Live, key.Valid, "ours")
				w.source.set("K", "v2")
				w.source.set("K", "v2") // by the number it had
				w.start()
				defer w.stop()
				pass(5 * time.Minute)
				w.wantSink("v2")
				if open := w.e.Status().Alerts; len(open) > 0 {
					t.Errorf("after %d of %d records, sink %v: still open: %+v", n, len(l.records), has, open)
				}
				last := map[string]alerts.Type{}
				for _, a := range w.channel.got {
					last[a.Data.ID] = a.Type
				}
				for id, kind := range last {
					if kind != alerts.Resolved {
						t.Errorf("after %d of %d records, sink %v: the last word about %s is %s", n, len(l.records), has, id, kind)
					}
				}
			})
		}
	}
}
