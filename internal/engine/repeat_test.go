package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
)

// forgetful is a channel that forgets what it is not told again.
type forgetful struct {
	fakeChannel
	slow time.Duration
}

func (*forgetful) Repeat() time.Duration { return time.Minute }

func (f *forgetful) Send(ctx context.Context, a alerts.Alert) error {
	f.mu.Lock()
	slow := f.slow
	f.mu.Unlock()
	time.Sleep(slow)
	return f.fakeChannel.Send(ctx, a)
}

func (f *forgetful) takes(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slow = d
}

// heard is what it was told, and how often somebody tried.
func (f *forgetful) heard() (told []alerts.Alert, tries int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got), f.seen
}

// withForgetful adds one beside the usual channel.
func (w *world) withForgetful() *forgetful {
	f := &forgetful{}
	w.setup = func(o *Options) { o.Channels["am"] = f }
	return f
}

// dies has the key K delivered and die: key_dead is open then.
func (w *world) dies() {
	w.source.set("K", "v1")
	w.issuer.is("v1", key.Live, key.Valid, "ours")
	w.start()
	pass(time.Second)
	w.issuer.is("v1", key.Dead, key.Invalid, "")
	pass(15 * time.Minute)
}

// lives has a live successor delivered.
func (w *world) lives() {
	w.issuer.is("v2", key.Live, key.Valid, "ours")
	w.source.set("K", "v2")
	pass(5 * time.Second)
}

// again is how often a story tells of key_dead again.
func again(story []string) (n int) {
	for _, s := range story {
		if s == "updated key_dead" {
			n++
		}
	}
	return n
}

func TestWhatIsOpenIsToldAgainUntilItIsResolved(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		f := w.withForgetful()
		w.dies()
		defer func() { w.stop() }()
		before := again(f.story())
		pass(10 * time.Minute)
		if n := again(f.story()) - before; n != 10 {
			t.Errorf("told again %d times in 10 minutes, want 10: %v", n, f.story())
		}
		if n := again(w.channel.story()); n != 0 {
			t.Errorf("a channel that forgets nothing was told again %d times", n)
		}
		if n := waiting(t, w); n != 0 {
			t.Errorf("%d repetitions are in the journal", n)
		}
		got, _ := f.heard()
		first, last := got[0].Data, got[len(got)-1]
		if last.Data.ID != first.ID || !last.Data.Since.Equal(first.Since) || now().Sub(last.Timestamp) > time.Minute {
			t.Errorf("told again as %s since %s at %s", last.Data.ID, last.Data.Since, last.Timestamp)
		}
		w.lives()
		told := len(f.story())
		if s := f.story(); !slices.Contains(s, "resolved key_dead") || slices.Contains(s[slices.Index(s, "resolved key_dead"):], "updated key_dead") {
			t.Errorf("told %v", s)
		}
		pass(time.Hour)
		if more := f.story()[told:]; again(more) != 0 {
			t.Errorf("told after it was resolved: %v", more)
		}
	})
}

// waiting is what the journal has in its outboxes.
func waiting(t *testing.T, w *world) (n int) {
	t.Helper()
	j, err := journal.OpenReadOnly(w.dir, w.e.log)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Each(kindOutbox, func(string, json.RawMessage) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestARepeaterIsToldAtOnceAfterARestart(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		f := w.withForgetful()
		w.dies()
		got, _ := f.heard()
		id := got[0].Data.ID
		w.stop()
		told := len(f.story())
		pass(time.Hour)
		w.start()
		defer w.stop()
		pass(time.Millisecond)
		more := f.story()[told:]
		if got, _ = f.heard(); again(more) != 1 || got[told].Data.ID != id {
			t.Errorf("told %v within a millisecond", more)
		}
		pass(90 * time.Second)
		if n := again(f.story()[told:]); n != 2 {
			t.Errorf("told again %d times in 90 s, want 2", n)
		}
	})
}

func TestRepetitionsThatFailAreNotQueued(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		f := w.withForgetful()
		w.dies()
		defer func() { w.stop() }()
		got, seen := f.heard()
		told := len(got)
		f.fail(&alerts.RetryError{After: 10 * time.Minute, Err: errBoom})
		pass(time.Hour)
		if _, n := f.heard(); n-seen < 5 || n-seen > 7 {
			t.Errorf("tried %d times in an hour, asked to come back after ten minutes", n-seen)
		}
		if c := w.e.Status().Channels; len(c) != 2 || c[0].Name != "am" || c[0].Error != "boom" || c[0].Waiting != 0 || c[1].Error != "" {
			t.Errorf("channels %+v", c)
		}
		w.lives()
		pass(10 * time.Minute)
		if c := w.e.Status().Channels[0]; c.Waiting == 0 || c.Since.IsZero() {
			t.Errorf("the resolved does not wait: %+v", c)
		}
		f.fail(nil)
		pass(20 * time.Minute)
		if more := f.story()[told:]; len(more) == 0 || more[0] != "resolved key_dead" {
			t.Errorf("told %v", more)
		}
		if c := w.e.Status().Channels[0]; c.Waiting != 0 || c.Error != "" {
			t.Errorf("channel %+v", c)
		}
	})
}

// A pass over what is open can take long. What happens meanwhile goes first.
func TestAnEventIsNotHeldUpByRepetitions(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		f := w.withForgetful()
		w.source.set("A", "dead")
		w.source.set("B", "dead")
		w.source.set("C", "dead")
		w.start()
		defer w.stop()
		pass(time.Minute + time.Second)
		f.takes(5 * time.Second)
		told := len(f.story())
		for range 120 { // until a pass is under way
			if len(f.story()) > told {
				break
			}
			pass(time.Second)
		}
		w.issuer.is("vA", key.Live, key.Valid, "ours")
		w.source.set("A", "vA")
		synctest.Wait()
		told = len(f.story())
		pass(11 * time.Second)
		if more := f.story()[told:]; !slices.Contains(more, "resolved candidate_rejected") {
			t.Errorf("told %v in the time of two", more)
		}
		pass(10 * time.Minute)
		s := f.story()
		resolved := slices.Index(s, "resolved candidate_rejected")
		got, _ := f.heard()
		for _, a := range got[resolved+1:] {
			if a.Data.Key == "A" && a.Data.Cause == key.CandidateRejected {
				t.Errorf("%s of A after its resolved", a.Type)
			}
		}
	}, "A", "B", "C")
}

func TestARefusedRepetitionBlocksNoOther(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		f := w.withForgetful()
		w.source.set("A", "dead")
		w.source.set("B", "dead")
		w.start()
		defer w.stop()
		pass(5 * time.Second)
		f.fail(errors.Join(errBoom, alerts.ErrRefused))
		_, seen := f.heard()
		pass(time.Minute)
		if _, n := f.heard(); n-seen != 2 {
			t.Errorf("%d of 2 open alerts were tried", n-seen)
		}
	}, "A", "B")
}
