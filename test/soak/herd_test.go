package soak

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/validator"
)

const (
	slowestKnock = 2 * time.Second // once an outage has lasted, nobody knocks more often
	crowding     = 3               // times the mean that the busiest second may have
)

// herd is enough in a plain go test to see a crowd; `make soak` has a thousand.
var herd = flag.Int("herd", 250, "machines that read one record")

// A herd of machines with one config comes through an outage of their common source
// without trampling it, while it is down or once it is back.
func TestAHerdIsSpreadInAnOutageAndAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const outage = 30 * time.Minute
		n := *herd
		shared, reads, probes := newSource(), &log{}, &log{}
		shared.set("A", generation("A", 0))
		for i := range n {
			m := newMachine(t, "A")
			m.name = fmt.Sprintf("host-%d", i)
			m.records, m.source = shared, logged{shared, m.name, reads}
			m.issuer = loggedIssuer{&issuer{}, m.name, probes}
			m.start()
			defer m.stop()
		}
		pass(10 * time.Minute)

		down := time.Now()
		shared.fail(errDown)
		pass(outage / 2)
		shared.set("A", generation("A", 1))
		pass(outage - outage/2)
		for who, at := range reads.byMachine(down.Add(30*time.Second), time.Now()) {
			for i := range at[1:] {
				if gap := at[i+1].Sub(at[i]); gap < slowestKnock {
					t.Fatalf("%s knocked again after %s", who, gap)
				}
			}
		}
		reads.spread(t, "knocks while it is down", down.Add(time.Minute), outage-time.Minute)

		back := time.Now()
		shared.fail(nil)
		pass(20 * refresh)
		reads.first(back).spread(t, "first reads after the outage", back, backSoon)
		probes.first(back).spread(t, "probes of what was found then", back, backSoon)
		for i := range 19 { // the polls that follow do not stay bunched, nor meet again
			reads.spread(t, "polls after the outage", back.Add(backSoon).Add(time.Duration(i)*refresh), refresh)
		}
		if asked := len(probes.byMachine(back, back.Add(backSoon))); asked != n {
			t.Errorf("%d of %d machines had the new version proved within %s", asked, n, backSoon)
		}
	})
}

// log notes who did something when.
type log struct {
	mu     sync.Mutex
	events []event
}

type event struct {
	who string
	at  time.Time
}

func (l *log) note(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, event{who, time.Now()})
}

func (l *log) byMachine(from, to time.Time) map[string][]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string][]time.Time{}
	for _, e := range l.events {
		if !e.at.Before(from) && e.at.Before(to) {
			all[e.who] = append(all[e.who], e.at)
		}
	}
	return all
}

// first is the first event of each machine since then.
func (l *log) first(since time.Time) *log {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen, firsts := map[string]bool{}, &log{}
	for _, e := range l.events {
		if !e.at.Before(since) && !seen[e.who] {
			seen[e.who] = true
			firsts.events = append(firsts.events, e)
		}
	}
	return firsts
}

// spread fails if some second of the window had more than crowding times its mean.
func (l *log) spread(t *testing.T, what string, from time.Time, window time.Duration) {
	t.Helper()
	seconds := make([]int, int(window/time.Second))
	total := 0
	l.mu.Lock()
	for _, e := range l.events {
		if i := int(e.at.Sub(from) / time.Second); !e.at.Before(from) && i < len(seconds) {
			seconds[i]++
			total++
		}
	}
	l.mu.Unlock()
	if total == 0 {
		t.Fatalf("%s: there were none", what)
	}
	peak := 0
	for _, n := range seconds {
		peak = max(peak, n)
	}
	mean := float64(total) / float64(len(seconds))
	t.Logf("%s: %d in %s, %.1f a second, at most %d", what, total, window, mean, peak)
	if float64(peak) > crowding*mean {
		t.Errorf("%s: %d in one second, the mean of %s is %.1f", what, peak, window, mean)
	}
}

// logged is one machine's way to a source that many share.
type logged struct {
	sources.Source
	who string
	to  *log
}

func (s logged) Fetch(ctx context.Context, loc key.Location) (sources.Record, error) {
	s.to.note(s.who)
	return s.Source.Fetch(ctx, loc)
}

type loggedIssuer struct {
	validator.Checker
	who string
	to  *log
}

func (i loggedIssuer) Check(ctx context.Context, m proof.Material) key.Verdict {
	i.to.note(i.who)
	return i.Checker.Check(ctx, m)
}
