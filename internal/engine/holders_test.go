package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/rotation"
)

// fakeLooker sees the processes that a test starts in it.
type fakeLooker struct {
	mu     sync.Mutex
	seen   []holders.Sighting
	unseen []string
	err    error
	looks  []time.Time
	slow   time.Duration
	wanted holders.Wanted
}

func (f *fakeLooker) Look(ctx context.Context, w holders.Wanted) (holders.Scan, error) {
	f.mu.Lock()
	f.looks = append(f.looks, time.Now())
	f.wanted = w
	slow := f.slow
	f.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return holders.Scan{}, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return holders.Scan{}, f.err
	}
	s := holders.Scan{At: time.Now(), Unseen: slices.Clone(f.unseen), Processes: 7}
	for _, x := range f.seen {
		if x.Print == "" || slices.Contains(w.Prints, x.Print) {
			s.Sightings = append(s.Sightings, x)
		}
	}
	return s, nil
}

func (f *fakeLooker) count() int { return len(f.when()) }

// when are the times of the looks so far.
func (f *fakeLooker) when() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.looks)
}

// has makes these all that there is to be seen.
func (f *fakeLooker) has(seen ...holders.Sighting) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = seen
}

func (f *fakeLooker) blind(err error, lines ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.unseen = err, lines
}

var salted = secret.NewHasher(secret.New([]byte("salt"))) // as every world's

// unit is a process of a unit that was started with value.
func unit(name, value string) holders.Sighting {
	return holders.Sighting{
		Kind: holders.InProcess, Print: salted.Part(secret.New([]byte(value))), Variable: "K",
		PID: 900, User: "ada", Command: "python3", Unit: name,
	}
}

// watched has a looker, and v1 delivered.
func watched(t *testing.T, f func(t *testing.T, w *world, l *fakeLooker)) {
	t.Helper()
	bubble(t, func(t *testing.T, w *world) {
		l := &fakeLooker{}
		w.setup = func(o *Options) { o.Lookers = append(o.Lookers, l) }
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		defer func() { w.stop() }() // whichever was started last
		pass(time.Second)
		w.wantSink("v1")
		f(t, w, l)
	})
}

func TestNobodyLooksBeforeAnythingWasReplaced(t *testing.T) {
	watched(t, func(t *testing.T, w *world, l *fakeLooker) {
		pass(24 * time.Hour)
		if l.count() != 0 {
			t.Fatalf("looked %d times", l.count())
		}
		if h := w.e.Status().Keys[0].Holders; h != nil {
			t.Fatalf("nobody looked, and status says %+v", h)
		}
	})
}

func TestLooksFollowARotationAndEndWithIt(t *testing.T) {
	watched(t, func(t *testing.T, w *world, l *fakeLooker) {
		w.source.set("K", "v2")
		began := time.Now()
		pass(36 * time.Minute)
		var after []time.Duration
		for _, at := range l.when() {
			after = append(after, at.Sub(began).Round(time.Second))
		}
		want := []time.Duration{2 * time.Second, 62 * time.Second, 362 * time.Second, 962 * time.Second, 1562 * time.Second}
		if !slices.Equal(after, want) {
			t.Errorf("looked after %v, want %v", after, want)
		}
		w.issuer.is("v1", key.Dead, key.Invalid, "")
		pass(20 * time.Hour) // refused twice, an hour apart: retired
		n := l.count()
		pass(24 * time.Hour)
		if l.count() != n {
			t.Errorf("every old version is retired, and livekey looked %d times more", l.count()-n)
		}
	})
}

func TestAHolderIsShownWithTheStageOfItsVersion(t *testing.T) {
	watched(t, func(t *testing.T, w *world, l *fakeLooker) {
		w.source.set("K", "v2")
		pass(time.Second)
		l.has(unit("old.service", "v1"), unit("new.service", "v2"), unit("other.service", "v9"))
		pass(2 * time.Second)
		got := w.e.holdersOf("K")
		if len(got) != 2 || got[0].Unit != "new.service" || got[0].Stage != report.HeldCurrent || got[0].Fix != "" {
			t.Fatalf("%+v", got)
		}
		if h := got[1]; h.Unit != "old.service" || h.Stage != report.HeldPrevious || h.Fix != "systemctl restart old.service" {
			t.Fatalf("%+v", h)
		}
		if h := w.e.Status().Keys[0].Holders; h == nil || h.Current != 1 || h.Older != 1 || h.LookedAt.IsZero() {
			t.Fatalf("status has %+v", h)
		}
		w.issuer.is("v1", key.Dead, key.Invalid, "")
		pass(3 * time.Hour)
		if got := w.e.holdersOf("K"); got[1].Stage != report.HeldDead {
			t.Fatalf("its issuer refuses it, and it is shown as %s", got[1].Stage)
		}
	})
}

func TestRotationHearsWhoWasSeen(t *testing.T) {
	watched(t, func(t *testing.T, w *world, l *fakeLooker) {
		w.source.set("K", "v2")
		l.has(unit("a.service", "v1"), unit("a.service", "v1"), unit("b.service", "v2"))
		l.blind(nil, "2 processes of others")
		var heard []rotation.Sighted
		k := w.e.keys["K"]
		pass(2*time.Second - time.Nanosecond)
		k.mu.Lock()
		k.shift.begin() // nobody takes what is posted
		k.mu.Unlock()
		pass(time.Second)
		k.mu.Lock()
		for _, q := range k.queue {
			if s, ok := q.event.(rotation.Sighted); ok {
				heard = append(heard, s)
			}
		}
		k.queue = nil
		k.shift.end()
		k.mu.Unlock()
		old, current := salted.Part(secret.New([]byte("v1"))), salted.Part(secret.New([]byte("v2")))
		if len(heard) != 1 || !heard[0].Blind || !slices.Equal(heard[0].Holders[old], []key.Consumer{"unit:a.service"}) ||
			!slices.Equal(heard[0].Holders[current], []key.Consumer{"unit:b.service"}) {
			t.Fatalf("%+v", heard)
		}
	})
}

func TestAConsumerThatStaysWithAnOldVersionIsToldOf(t *testing.T) {
	watched(t, func(t *testing.T, w *world, l *fakeLooker) {
		l.has(unit("app.service", "v1"))
		w.source.set("K", "v2")
		pass(10*time.Minute - time.Second)
		w.wantStory()
		pass(2 * time.Second)
		w.wantStory("opened holders_stale")
		a := w.channel.got[0].Data
		if !slices.Equal(a.Affected, []string{"unit app.service"}) || !slices.Equal(a.Actions, []string{"systemctl restart app.service"}) {
			t.Errorf("affected %q, actions %q", a.Affected, a.Actions)
		}
		l.has(unit("app.service", "v2"))
		pass(10 * time.Minute)
		w.wantStory("opened holders_stale", "resolved holders_stale")
	})
}

// Who has an old version can start processes of ever new names, and have files that nobody may
// read: alerts and journal stay small, and declared consumers stay among those who are told.
func TestAnyNumberOfHoldersIsBounded(t *testing.T) {
	watched(t, func(t *testing.T, w *world, l *fakeLooker) {
		const declared = key.Consumer("process:zoe/app")
		w.e.keys["K"].Consumers = []key.Consumer{declared}
		all := []holders.Sighting{{Kind: holders.InProcess, Print: unit("", "v1").Print, Variable: "K", PID: 7, User: "zoe", Command: "app"}}
		var blind []string
		for i := range 600 {
			all = append(all, holders.Sighting{
				Kind: holders.InProcess, Print: all[0].Print, Variable: "K", PID: 1000 + i, User: "eve", Command: fmt.Sprintf("e%d", i),
			})
			blind = append(blind, fmt.Sprintf("/srv/eve/%d: livekey may not read it", i))
		}
		l.has(all...)
		l.blind(nil, blind...)
		w.source.set("K", "v2")
		pass(11 * time.Minute)
		w.wantStory("opened holders_stale")
		text, err := json.Marshal(w.channel.got[0])
		if err != nil || len(text) > 32<<10 {
			t.Errorf("an alert of %d bytes, %v", len(text), err)
		}
		seen := w.e.keys["K"].snapshot().Sight.Holders[all[0].Print]
		if len(seen) > maxAdoptions || !slices.Contains(seen, declared) {
			t.Errorf("%d are kept", len(seen))
		}
		if !strings.Contains(strings.Join(w.table(), "\n"), string(declared)) {
			t.Error("the declared one is forgotten")
		}
	})
}

func TestWhoSeesLessResolvesNothing(t *testing.T) {
	for rule, blind := range map[string]func(*fakeLooker){
		"nobody could look":                func(l *fakeLooker) { l.blind(errBoom) },
		"processes of others are hidden":   func(l *fakeLooker) { l.blind(nil, "processes of other users") },
		"something else is hidden as well": func(l *fakeLooker) { l.blind(nil, "3 files", "the manager of user 1000") },
	} {
		t.Run(rule, func(t *testing.T) {
			watched(t, func(_ *testing.T, w *world, l *fakeLooker) {
				if rule == "something else is hidden as well" {
					l.blind(nil, "3 files")
				}
				l.has(unit("app.service", "v1"))
				w.source.set("K", "v2")
				pass(11 * time.Minute)
				w.wantStory("opened holders_stale")
				l.has()
				blind(l)
				pass(time.Hour)
				w.wantStory("opened holders_stale")
				w.stop()
				w.start() // which forgets what it saw
				pass(time.Hour)
				w.wantStory("opened holders_stale")
				l.blind(nil)
				pass(time.Hour)
				w.wantStory("opened holders_stale", "resolved holders_stale")
			})
		})
	}
}

func TestFewerOfTheSameUnseenIsNoLessSight(t *testing.T) {
	watched(t, func(_ *testing.T, w *world, l *fakeLooker) {
		l.blind(nil, "1 process of user root: livekey may not read its environment")
		l.has(unit("app.service", "v1"))
		w.source.set("K", "v2")
		pass(11 * time.Minute)
		l.has()
		l.blind(nil, "43 processes of user root: livekey may not read their environment")
		pass(10 * time.Minute)
		w.wantStory("opened holders_stale", "resolved holders_stale")
	})
}

func TestWhoAsksIsAnsweredByALookThatBeganAfterwards(t *testing.T) {
	watched(t, func(t *testing.T, w *world, l *fakeLooker) {
		l.slow = time.Second
		began := time.Now()
		var all sync.WaitGroup
		ask := func() {
			all.Go(func() {
				asked := time.Now()
				if s, err := w.e.look(t.Context(), "a test asks"); err != nil || s.At.Before(asked) {
					t.Errorf("asked at %v, answered with %v, %v", asked, s.At, err)
				}
			})
		}
		ask()
		pass(time.Second / 2)
		for range 5 {
			ask()
		}
		all.Wait()
		if took := time.Since(began); took != 2*time.Second || l.count() != 2 {
			t.Errorf("%d looks in %v", l.count(), took)
		}
	})
}

func TestAValueOfNoVersionIsLookedForToo(t *testing.T) {
	watched(t, func(t *testing.T, w *world, l *fakeLooker) {
		leaked := unit("x.service", "leaked")
		l.has(leaked)
		s, err := w.e.look(t.Context(), "a test asks", leaked.Print)
		if err != nil || len(s.Sightings) != 1 || s.Sightings[0].Unit != "x.service" {
			t.Fatalf("%+v, %v", s, err)
		}
	})
}

func TestOneLookerOfTwoIsEnoughAndSaysWhatItLacks(t *testing.T) {
	watched(t, func(t *testing.T, w *world, l *fakeLooker) {
		broken := &fakeLooker{err: errors.New("no bus")}
		w.e.watch.lookers = append(w.e.watch.lookers, broken)
		s, err := w.e.look(t.Context(), "a test asks")
		if err != nil || s.Processes != 7 || !slices.Equal(s.Unseen, []string{"no bus"}) {
			t.Fatalf("%+v, %v", s, err)
		}
		l.blind(errBoom)
		if _, err := w.e.look(t.Context(), "a test asks"); !errors.Is(err, errBoom) {
			t.Fatalf("nobody could look: %v", err)
		}
	})
}

func TestARestartLooksForWhoHeldAnOldVersion(t *testing.T) {
	watched(t, func(t *testing.T, w *world, l *fakeLooker) {
		w.source.set("K", "v2")
		pass(time.Minute)
		w.stop()
		n := l.count()
		w.start()
		pass(lookFirst)
		if l.count() != n+1 {
			t.Fatalf("looked %d times", l.count()-n)
		}
	})
}

// A process that holds a replaced file of a sink has, of each key in it, the version of
// when it began.
func TestAReplacedFileIsOldForKeysThatWereReplacedSince(t *testing.T) {
	watched(t, func(t *testing.T, w *world, l *fakeLooker) {
		before := holders.Sighting{Kind: holders.OldInode, Path: "/sinks/app", PID: 5, Command: "nginx", Started: time.Now()}
		pass(time.Minute)
		w.source.set("K", "v2")
		pass(time.Second)
		after := before
		after.PID, after.Started = 6, time.Now()
		l.has(before, after)
		pass(2 * time.Second)
		got := w.e.holdersOf("K")
		if len(got) != 1 || got[0].PID != 5 || got[0].Stage != report.HeldPrevious || got[0].Fix != "restart nginx (pid 5)" {
			t.Fatalf("%+v", got)
		}
	})
}

func TestALookEndsWithTheEngine(t *testing.T) {
	watched(t, func(t *testing.T, w *world, l *fakeLooker) {
		l.slow = time.Hour
		done := make(chan error, 1)
		go func() {
			_, err := w.e.look(context.Background(), "a test asks")
			done <- err
		}()
		synctest.Wait()
		w.stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the look ended with %v", err)
		}
		w.start()
	})
}
