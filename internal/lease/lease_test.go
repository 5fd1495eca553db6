package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memory is a record at a server that compares versions.
type memory struct {
	mu      sync.Mutex
	record  Record
	version int
	writes  int
}

// line is the way of one livekey to the server.
type line struct {
	to *memory

	mu sync.Mutex
	trouble
}

// trouble is what a line does to calls.
type trouble struct {
	cut     bool          // nothing arrives, and nobody says so
	deaf    bool          // requests arrive, answers do not
	refused bool          // calls fail at once
	slow    time.Duration // each way
	skew    time.Duration // of this livekey's clock, as its record shows it
}

var errRefused = errors.New("connection refused")

func (l *line) String() string { return "prod/livekey" }

func (l *line) set(t trouble) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trouble = t
}

// call has f done at the server.
func (l *line) call(ctx context.Context, f func() (Record, error)) (Record, error) {
	l.mu.Lock()
	now := l.trouble
	l.mu.Unlock()
	if now.refused {
		return Record{}, errRefused
	}
	if now.cut {
		<-ctx.Done()
		return Record{}, ctx.Err()
	}
	done := make(chan func() (Record, error), 1)
	go func() { // the request goes on when nobody waits for it any longer
		time.Sleep(now.slow)
		r, err := f()
		done <- func() (Record, error) { return r, err }
	}()
	if now.deaf {
		<-ctx.Done()
		return Record{}, ctx.Err()
	}
	select {
	case got := <-done:
		select {
		case <-time.After(now.slow):
			return got()
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	return Record{}, ctx.Err()
}

func (l *line) Read(ctx context.Context) (Record, error) {
	return l.call(ctx, func() (Record, error) {
		l.to.mu.Lock()
		defer l.to.mu.Unlock()
		if l.to.record.Version == "" {
			return Record{}, ErrNone
		}
		return l.to.record, nil
	})
}

func (l *line) Write(ctx context.Context, r Record) (Record, error) {
	l.mu.Lock()
	r.Renewed = r.Renewed.Add(l.skew)
	l.mu.Unlock()
	return l.call(ctx, func() (Record, error) {
		l.to.mu.Lock()
		defer l.to.mu.Unlock()
		if r.Version != l.to.record.Version {
			return Record{}, ErrChanged
		}
		if r.UID == "" {
			r.UID = "uid"
		}
		l.to.version++
		l.to.writes++
		r.Version = strconv.Itoa(l.to.version)
		l.to.record = r
		return r, nil
	})
}

// fleet is some livekeys with one lease, of which never two may be at work.
type fleet struct {
	t      testing.TB
	server *memory
	lines  []*line
	drain  time.Duration // how long work takes to end
	ends   []context.CancelFunc
	all    sync.WaitGroup

	mu     sync.Mutex
	atWork map[int]bool
	terms  []Term
}

func newFleet(t testing.TB, n int) *fleet {
	f := &fleet{t: t, server: &memory{}, atWork: map[int]bool{}, drain: 4 * time.Second}
	for i := range n {
		f.lines = append(f.lines, &line{to: f.server})
		f.ends = append(f.ends, nil)
		f.start(i)
	}
	return f
}

// start has the livekey of this number run, as after a kill.
func (f *fleet) start(i int) {
	ctx, end := context.WithCancel(f.t.Context())
	f.ends[i] = end
	e := New(f.lines[i], fmt.Sprint("livekey-", i), slog.New(slog.DiscardHandler), func() { f.t.Error("work did not end in time") })
	f.all.Go(func() {
		if err := e.Run(ctx, func(ctx context.Context, t Term) error { f.work(ctx, i, t); return nil }); err != nil {
			f.t.Error(err)
		}
	})
}

func (f *fleet) work(ctx context.Context, i int, t Term) {
	f.mu.Lock()
	f.atWork[i] = true
	f.terms = append(f.terms, t)
	if len(f.atWork) > 1 {
		f.t.Errorf("two at work: %v", f.atWork)
	}
	f.mu.Unlock()
	<-ctx.Done()
	time.Sleep(f.drain)
	f.mu.Lock()
	delete(f.atWork, i)
	f.mu.Unlock()
}

// worker is who is at work, -1 if nobody is.
func (f *fleet) worker() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.atWork {
		return i
	}
	return -1
}

// begun are the terms so far.
func (f *fleet) begun() []Term {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.terms)
}

func (f *fleet) stop() {
	for _, end := range f.ends {
		end()
	}
	f.all.Wait()
	time.Sleep(time.Minute) // what is under way arrives
}

// in runs a test of a fleet in bubble time.
func in(t *testing.T, n int, test func(f *fleet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, n)
		defer f.stop()
		time.Sleep(5 * time.Second)
		if f.worker() < 0 {
			t.Fatal("nobody works")
		}
		test(f)
	})
}

// until waits for somebody to work, and says how long it took.
func (f *fleet) until(who func(int) bool) time.Duration {
	f.t.Helper()
	began := time.Now()
	for time.Since(began) < 5*time.Minute {
		if who(f.worker()) {
			return time.Since(began)
		}
		time.Sleep(100 * time.Millisecond)
	}
	f.t.Fatal("it does not happen")
	return 0
}

func TestOneWorksAndGoesOn(t *testing.T) {
	in(t, 3, func(f *fleet) {
		first := f.worker()
		time.Sleep(time.Hour)
		if f.worker() != first || len(f.begun()) != 1 {
			t.Errorf("%d works after %d, terms %v", f.worker(), first, f.begun())
		}
		f.server.mu.Lock()
		defer f.server.mu.Unlock()
		if n := f.server.writes; n < 1700 || n > 1900 {
			t.Errorf("%d renewals in an hour", n)
		}
	})
}

func TestAHolderThatIsCutOffStopsBeforeAnotherBegins(t *testing.T) {
	for rule, cut := range map[string]trouble{
		"nothing arrives":        {cut: true},
		"answers do not":         {deaf: true},
		"calls are refused":      {refused: true},
		"the server is too slow": {slow: 20 * time.Second},
	} {
		t.Run(rule, func(t *testing.T) {
			in(t, 2, func(f *fleet) {
				first := f.worker()
				f.lines[first].set(cut)
				stopped := f.until(func(w int) bool { return w != first })
				if stopped > Deadline+Retry+f.drain+attempt {
					t.Errorf("stopped after %s", stopped)
				}
				f.until(func(w int) bool { return w >= 0 && w != first })
				f.lines[first].set(trouble{})
				time.Sleep(time.Minute)
				if f.worker() == first {
					t.Error("it took back what it had lost")
				}
			})
		})
	}
}

func TestNobodyWorksWhileTheServerIsAwayAndSomebodyDoesAfter(t *testing.T) {
	in(t, 3, func(f *fleet) {
		for _, l := range f.lines {
			l.set(trouble{refused: true})
		}
		f.until(func(w int) bool { return w < 0 })
		time.Sleep(time.Minute)
		if f.worker() >= 0 {
			t.Error("somebody works without a lease")
		}
		for _, l := range f.lines {
			l.set(trouble{})
		}
		f.until(func(w int) bool { return w >= 0 })
	})
}

func TestAShortOutageEndsNothing(t *testing.T) {
	in(t, 2, func(f *fleet) {
		first := f.worker()
		for range 20 {
			for _, l := range f.lines {
				l.set(trouble{cut: true})
			}
			time.Sleep(4 * time.Second)
			for _, l := range f.lines {
				l.set(trouble{})
			}
			time.Sleep(8 * time.Second)
		}
		if f.worker() != first || len(f.begun()) != 1 {
			t.Errorf("%d works after %d, terms %v", f.worker(), first, f.begun())
		}
	})
}

func TestClocksMeanNothing(t *testing.T) {
	for rule, skew := range map[string]time.Duration{
		"a holder that lives in the past":   -1000 * time.Hour,
		"a holder that lives in the future": 1000 * time.Hour,
	} {
		t.Run(rule, func(t *testing.T) {
			in(t, 2, func(f *fleet) {
				first := f.worker()
				f.lines[first].set(trouble{skew: skew})
				time.Sleep(10 * time.Minute)
				if f.worker() != first || len(f.begun()) != 1 {
					t.Errorf("%d works after %d, terms %v", f.worker(), first, f.begun())
				}
				f.lines[first].set(trouble{cut: true})
				if took := f.until(func(w int) bool { return w >= 0 && w != first }); took > 25*time.Second {
					t.Errorf("the successor came after %s", took)
				}
			})
		})
	}
}

func TestAClockThatStandsStillIsNoDeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		e := New(&line{to: &memory{}}, "a", slog.New(slog.DiscardHandler), nil)
		mine, err := e.take(t.Context(), Record{})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			before := mine.Spec
			before.Renewed = stamp(now).Add(time.Hour) // further than the clock will come
			mine.Spec = before
			if mine, err = e.take(t.Context(), mine.Record); err != nil || mine.Spec == before {
				t.Errorf("%v: a renewal that nobody sees", err)
			}
		}
	})
}

func TestWhoStopsLetsAnotherBeginAtOnce(t *testing.T) {
	in(t, 2, func(f *fleet) {
		first := f.worker()
		f.ends[first]()
		took := f.until(func(w int) bool { return w >= 0 && w != first })
		if took > f.drain+2*Retry {
			t.Errorf("it took %s", took)
		}
	})
}

func last(f *fleet) Term {
	all := f.begun()
	return all[len(all)-1]
}

func TestATermSaysWhetherSomebodyElseWorkedBetween(t *testing.T) {
	in(t, 1, func(f *fleet) {
		again := func() Term {
			f.ends[0]()
			f.until(func(w int) bool { return w < 0 })
			f.all.Wait()
			f.start(0)
			f.until(func(w int) bool { return w == 0 })
			return last(f)
		}
		if first := f.begun()[0]; first.Before != "" || first.Now != "uid/1" {
			t.Errorf("the first term is %+v", first)
		}
		if next := again(); next.Before != "uid/1" || next.Now != "uid/2" {
			t.Errorf("after a stop: %+v", next)
		}
		// Killed, it has given nothing back: the record is still its own.
		f.lines[0].set(trouble{cut: true})
		f.until(func(w int) bool { return w < 0 })
		f.lines[0].set(trouble{})
		f.until(func(w int) bool { return w == 0 })
		if end := last(f); end.Before != "uid/2" || end.Now != "uid/2" {
			t.Errorf("after an outage without another: %+v", end)
		}
	})
}

func TestAForeignWriteOfTheRecord(t *testing.T) {
	in(t, 2, func(f *fleet) {
		first := f.worker()
		write := func(change func(*Record)) {
			f.server.mu.Lock()
			defer f.server.mu.Unlock()
			f.server.version++
			f.server.record.Version = strconv.Itoa(f.server.version)
			change(&f.server.record)
		}
		write(func(*Record) {}) // a label
		time.Sleep(time.Minute)
		if f.worker() != first || len(f.begun()) != 1 {
			t.Errorf("a label ended the term")
		}
		write(func(r *Record) { r.Holder = "somebody" })
		f.until(func(w int) bool { return w < 0 })
		f.until(func(w int) bool { return w >= 0 }) // somebody is not there
	})
}

func TestWorkThatDoesNotEndIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		l := &line{to: &memory{}}
		late := make(chan time.Time, 1)
		began := time.Now()
		e := New(l, "a", slog.New(slog.DiscardHandler), func() { late <- time.Now() })
		var all sync.WaitGroup
		all.Go(func() {
			_ = e.Run(ctx, func(ctx context.Context, _ Term) error { <-ctx.Done(); time.Sleep(time.Hour); return nil })
		})
		time.Sleep(time.Second)
		l.set(trouble{cut: true})
		if at := (<-late).Sub(began); at != Duration {
			t.Errorf("told after %s", at)
		}
		end()
		all.Wait()
	})
}

func TestAnErrorOfWorkEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		want := errors.New("no state_dir")
		e := New(&line{to: m}, "a", slog.New(slog.DiscardHandler), nil)
		err := e.Run(t.Context(), func(context.Context, Term) error { return want })
		if !errors.Is(err, want) || m.record.Holder != "" {
			t.Errorf("%v, held by %q", err, m.record.Holder)
		}
	})
}

func TestAStandbySaysWhoWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{record: Record{Spec: Spec{Holder: "other", Duration: time.Hour}, Version: "1", UID: "uid"}}
		l := &line{to: m}
		ctx, end := context.WithCancel(t.Context())
		e := New(l, "a", slog.New(slog.DiscardHandler), nil)
		var all sync.WaitGroup
		all.Go(func() { _ = e.Run(ctx, nil) })
		<-e.Heard()
		if s := e.State(); s.Leading || s.Holder != "other" || s.Err != nil {
			t.Errorf("%+v", s)
		}
		l.set(trouble{refused: true})
		time.Sleep(2 * Retry)
		if s := e.State(); s.Leading || s.Holder != "other" || !errors.Is(s.Err, errRefused) {
			t.Errorf("%+v", s)
		}
		end()
		all.Wait()
	})
}

// Whatever happens to the lines, never two work, and in the end one does.
func TestNeverTwoAtWork(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			f := newFleet(t, 2+int(seed%2))
			defer f.stop()
			for range 60 {
				f.lines[r.IntN(len(f.lines))].set(trouble{
					cut: r.IntN(4) == 0, deaf: r.IntN(6) == 0, refused: r.IntN(6) == 0,
					slow: time.Duration(r.IntN(4)) * time.Second, skew: time.Duration(r.IntN(7)-3) * time.Hour,
				})
				time.Sleep(time.Duration(r.IntN(20000)) * time.Millisecond)
			}
			for _, l := range f.lines {
				l.set(trouble{})
			}
			f.until(func(w int) bool { return w >= 0 })
		})
	}
}
