package engine

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/rotation"
)

// expires has the issuer call value live, with an end.
func (i *fakeIssuer) expires(value string, at time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys[value] = key.Verdict{Outcome: key.Live, Reason: key.Valid, ExpiresAt: at}
}

func (w *world) lastTold() alerts.Alert {
	w.t.Helper()
	w.channel.mu.Lock()
	defer w.channel.mu.Unlock()
	if len(w.channel.got) == 0 {
		w.t.Fatal("nothing is told")
	}
	return w.channel.got[len(w.channel.got)-1]
}

func TestAnEndIsOneAlertThatGrows(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.policy = func(p *rotation.Policy) {
			p.Probe, p.Expiry = 6*time.Hour, []time.Duration{14 * 24 * time.Hour, 3 * 24 * time.Hour, 12 * time.Hour}
		}
		end := now().Add(20 * 24 * time.Hour)
		w.source.set("K", "v1")
		w.issuer.expires("v1", end)
		w.start()
		pass(time.Minute)
		w.wantStory()
		if c := w.e.Status().Keys[0].Current; !c.ExpiresAt.Equal(end) {
			t.Errorf("status says %s, want %s", c.ExpiresAt, end)
		}
		pass(6 * 24 * time.Hour)
		w.wantStory("opened key_expiring")
		w.stop()
		w.issuer.blocked(key.Transient) // nobody answers, and livekey was off for days
		pass(12 * 24 * time.Hour)
		w.start()
		defer w.stop()
		pass(time.Second)
		w.wantStory("opened key_expiring", "updated key_expiring")
		if a := w.lastTold(); a.Data.Severity != key.Warning || a.Data.ID != w.channel.got[0].Data.ID {
			t.Errorf("told %+v", a.Data)
		}
		w.issuer.blocked("")
		pass(end.Sub(now()) - 12*time.Hour + time.Second)
		w.wantStory("opened key_expiring", "updated key_expiring", "updated key_expiring")
		if a := w.lastTold(); a.Data.Severity != key.Critical || a.Data.Evidence["within"] != "12h" {
			t.Errorf("told %+v", a.Data)
		}
		w.issuer.expires("v2", end.Add(90*24*time.Hour))
		w.source.set("K", "v2")
		pass(5 * time.Second)
		w.wantSink("v2")
		if a := w.lastTold(); a.Type != alerts.Resolved || a.Data.Cause != key.KeyExpiring {
			t.Errorf("told %s %s", a.Type, a.Data.Cause)
		}
		told := len(w.channel.story())
		pass(30 * 24 * time.Hour) // the end of what is not current any more is nobody's affair
		for _, what := range w.channel.story()[told:] {
			if what == "opened key_expiring" {
				t.Errorf("told of an end that is far: %q", w.channel.story()[told:])
			}
		}
	})
}

// Limits change with every answer: they are shown, and cost the journal nothing.
func TestLimitsAreShownAndNoNewsToTheJournal(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		at := now().Add(time.Hour)
		limited := func(left int64) {
			w.issuer.mu.Lock()
			defer w.issuer.mu.Unlock()
			w.issuer.keys["v1"] = key.Verdict{
				Outcome: key.Live, Reason: key.Valid, Identity: key.Identity{"organization": "ours", "scopes": "read"},
				Limits: &key.Limits{Limit: 50, Remaining: left, ResetAt: at},
			}
		}
		w.source.set("K", "v1")
		limited(50)
		w.start()
		defer w.stop()
		pass(time.Minute)
		size := func() int64 {
			s, err := os.Stat(filepath.Join(w.dir, "journal.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			return s.Size()
		}
		before := size()
		limited(7)
		pass(15 * time.Minute)
		c := w.e.Status().Keys[0].Current
		if c.Limits == nil || c.Limits.Remaining != 7 || c.Limits.Limit != 50 || c.Identity["scopes"] != "read" {
			t.Errorf("status says %+v, %+v", c, c.Limits)
		}
		if after := size(); after != before {
			t.Errorf("the journal grew by %d bytes", after-before)
		}
	})
}
