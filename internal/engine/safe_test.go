package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// fakePeer is a livekey on another host.
type fakePeer struct {
	status report.Status
	err    error
	slow   time.Duration
}

func (p *fakePeer) Status(ctx context.Context) (report.Status, error) {
	select {
	case <-time.After(p.slow):
		return p.status, p.err
	case <-ctx.Done():
		return report.Status{}, ctx.Err()
	}
}

// moved has a looker and a peer, v1 replaced by v2, and these consumers declared.
func moved(t *testing.T, f func(t *testing.T, w *world, l *fakeLooker, p *fakePeer), consumers ...key.Consumer) {
	t.Helper()
	bubble(t, func(t *testing.T, w *world) {
		l, p := &fakeLooker{}, &fakePeer{}
		w.setup = func(o *Options) {
			o.Lookers = append(o.Lookers, l)
			o.Peers = map[string]Peer{"web-2": p}
			o.Keys[0].Consumers = consumers
		}
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.source.set("K", "v1")
		w.start()
		defer func() { w.stop() }()
		pass(time.Second)
		w.rotate("v2")
		p.status = w.e.Status() // as it would be with the same salt and keys
		p.status.Keys[0].Holders = &report.Holders{Current: 1, LookedAt: time.Now()}
		f(t, w, l, p)
	})
}

func (w *world) safe() report.Safety {
	w.t.Helper()
	s, err := w.e.SafeToRevoke(w.t.Context(), "K")
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// wantSafety holds the answer, and that the first check that is not fine says why.
func (w *world) wantSafety(exit int, what, why string) report.Safety {
	w.t.Helper()
	s := w.safe()
	if s.Exit != exit || s.Safe != (exit == 0) {
		w.t.Fatalf("exit %d, safe %v, want %d: %+v", s.Exit, s.Safe, exit, s)
	}
	for _, c := range s.Checks {
		if !c.OK && c.Unknown == (exit == exitUnknown) {
			if c.What != what || !strings.Contains(c.Detail, why) {
				w.t.Fatalf("not for %s (%s), but for %s: %s", what, why, c.What, c.Detail)
			}
			return s
		}
	}
	if exit != 0 {
		w.t.Fatalf("no check says why: %+v", s)
	}
	return s
}

func TestItIsSafeOnceEveryDeclaredConsumerHasTheNewVersion(t *testing.T) {
	moved(t, func(t *testing.T, w *world, l *fakeLooker, p *fakePeer) {
		l.has(unit("app.service", "v2"))
		pass(time.Minute)
		w.e.adopted("K", "pod:shop/api", w.e.keys["K"].state.Current.Fingerprint, byItself)
		p.status.Keys[0].Holders.LookedAt = time.Now()
		asked := w.issuer.count("v2")
		s := w.wantSafety(0, "", "")
		var how []string
		for _, c := range s.Scope {
			how = append(how, string(c.Consumer)+" "+c.How)
		}
		want := "unit:app.service seen by a scan, pod:shop/api said so itself, host:web-2 another livekey says so"
		if got := strings.Join(how, ", "); got != want {
			t.Errorf("scope %s, want %s", got, want)
		}
		if w.issuer.count("v2") != asked+1 {
			t.Errorf("the issuer was asked %d times, its word was a minute old", w.issuer.count("v2")-asked)
		}
		pass(time.Second)
		w.safe()
		if w.issuer.count("v2") != asked+1 {
			t.Error("the issuer was asked again within a minute")
		}
		if s.Previous == nil || s.Previous.Version != "1" || s.Current.Version != "2" {
			t.Errorf("%+v", s)
		}
	}, "unit:app.service", "pod:shop/api", "host:web-2")
}

func TestWhyItIsNotSafe(t *testing.T) {
	for _, c := range []struct {
		rule      string
		exit      int
		what, why string
		change    func(w *world, l *fakeLooker, p *fakePeer)
	}{
		{"a holder of the old version is named", exitNo, "holders", "unit worker.service", func(_ *world, l *fakeLooker, _ *fakePeer) {
			l.has(unit("app.service", "v2"), unit("worker.service", "v1"))
		}},
		{"a declared consumer with the old version is one", exitNo, "holders", "unit app.service", func(_ *world, l *fakeLooker, _ *fakePeer) {
			l.has(unit("app.service", "v1"))
		}},
		{"one that has both is one", exitNo, "holders", "unit app.service", func(_ *world, l *fakeLooker, _ *fakePeer) {
			l.has(unit("app.service", "v2"), unit("app.service", "v1"))
		}},
		{"no is said before unknown", exitNo, "holders", "unit worker.service", func(_ *world, l *fakeLooker, _ *fakePeer) {
			l.has(unit("worker.service", "v1"))
			l.blind(nil, "3 processes of others")
		}},
		{"where nobody may look, nobody can tell", exitUnknown, "sight", "1 place in sight", func(_ *world, l *fakeLooker, _ *fakePeer) {
			l.blind(nil, "3 processes of others")
		}},
		{"nor if nobody looks at all", exitUnknown, "sight", "boom", func(_ *world, l *fakeLooker, _ *fakePeer) {
			l.blind(errBoom)
		}},
		{"one that said that it has the old version has", exitNo, "scope", "unit:app.service", func(w *world, l *fakeLooker, _ *fakePeer) {
			l.has()
			w.e.adopted("K", "unit:app.service", w.e.keys["K"].state.Older[0].Fingerprint, byItself)
		}},
		{"the new version must live", exitNo, "live", "dead/invalid", func(w *world, _ *fakeLooker, _ *fakePeer) {
			w.issuer.is("v2", key.Dead, key.Invalid, "")
		}},
		{"and be of use", exitNo, "live", "live/blocked", func(w *world, _ *fakeLooker, _ *fakePeer) {
			w.issuer.is("v2", key.Live, key.Blocked, "ours")
		}},
		{"an issuer that cannot be asked says nothing", exitUnknown, "live", "unknown/transient", func(w *world, _ *fakeLooker, _ *fakePeer) {
			w.issuer.blocked(key.Transient)
		}},
		{"a peer that cannot be asked says nothing", exitUnknown, "scope", "host:web-2", func(_ *world, _ *fakeLooker, p *fakePeer) {
			p.err = errBoom
		}},
		{"nor one with another salt", exitUnknown, "scope", "host:web-2", func(_ *world, _ *fakeLooker, p *fakePeer) {
			p.status.Epoch = "ffffffffffff"
		}},
		{"nor one that cannot look", exitUnknown, "scope", "host:web-2", func(_ *world, _ *fakeLooker, p *fakePeer) {
			p.status.Keys[0].Holders = nil
		}},
		{"nor one that cannot look everywhere", exitUnknown, "scope", "host:web-2", func(_ *world, _ *fakeLooker, p *fakePeer) {
			p.status.Keys[0].Holders.Unseen = 2
		}},
		{"nor one that looked before the delivery", exitUnknown, "scope", "host:web-2", func(_ *world, _ *fakeLooker, p *fakePeer) {
			p.status.Keys[0].Holders.LookedAt = p.status.Keys[0].Current.DeliveredAt.Add(-1)
		}},
		{"nor one that looked long ago", exitUnknown, "scope", "host:web-2", func(_ *world, _ *fakeLooker, p *fakePeer) {
			p.status.Keys[0].Current.DeliveredAt = time.Now().Add(-time.Hour)
			p.status.Keys[0].Holders.LookedAt = time.Now().Add(-time.Hour)
		}},
		{"nor one without the key", exitUnknown, "scope", "host:web-2", func(_ *world, _ *fakeLooker, p *fakePeer) {
			p.status.Keys = nil
		}},
		{"a peer with holders of an old version has not left it", exitNo, "scope", "host:web-2", func(_ *world, _ *fakeLooker, p *fakePeer) {
			p.status.Keys[0].Holders.Older = 1
		}},
		{"nor one with another version", exitNo, "scope", "host:web-2", func(_ *world, _ *fakeLooker, p *fakePeer) {
			p.status.Keys[0].Current.Fingerprint = "0123456789ab"
		}},
		{"nor one whose sink lacks it", exitNo, "scope", "host:web-2", func(_ *world, _ *fakeLooker, p *fakePeer) {
			p.status.Keys[0].Sinks[0].Fingerprint = "0123456789ab"
		}},
		{"nor one that owes a reload", exitNo, "scope", "host:web-2", func(_ *world, _ *fakeLooker, p *fakePeer) {
			p.status.Keys[0].Sinks[0].ReloadOwed = true
		}},
		{"every sink must have it", exitNo, "sinks", "app", func(w *world, _ *fakeLooker, _ *fakePeer) {
			w.sinks["app"].set(map[string]string{"K": "v1"}, false)
			pass(time.Minute) // drift is noticed
		}},
		{"nothing to ask about is no yes", exitUnknown, "previous", "no previous version", func(w *world, _ *fakeLooker, _ *fakePeer) {
			w.issuer.is("v1", key.Dead, key.Invalid, "")
			pass(24 * time.Hour)
		}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			moved(t, func(_ *testing.T, w *world, l *fakeLooker, p *fakePeer) {
				l.has(unit("app.service", "v2"))
				pass(2 * time.Minute)
				p.status.Keys[0].Holders.LookedAt = time.Now()
				w.wantSafety(0, "", "")
				pass(2 * time.Minute) // what the issuer said is too old by now
				c.change(w, l, p)
				w.wantSafety(c.exit, c.what, c.why)
			}, "unit:app.service", "host:web-2")
		})
	}
}

func TestWithoutDeclaredConsumersNobodyCanTell(t *testing.T) {
	moved(t, func(_ *testing.T, w *world, l *fakeLooker, _ *fakePeer) {
		l.has(unit("app.service", "v2"))
		s := w.wantSafety(exitUnknown, "scope", "keys.K.consumers")
		if s.Scope == nil || s.Holders == nil || s.Unseen == nil {
			t.Errorf("a list is [] where it is empty: %+v", s)
		}
	})
}

func TestAConsumerThatNobodySawOrHeardIsNotKnown(t *testing.T) {
	moved(t, func(t *testing.T, w *world, l *fakeLooker, _ *fakePeer) {
		w.wantSafety(exitUnknown, "scope", "unit:app.service")
		l.has(unit("app.service", "v2"))
		w.wantSafety(0, "", "")
		l.has() // it was stopped: what was seen once stays true
		if s := w.wantSafety(0, "", ""); s.Scope[0].Detail != "not in sight now" {
			t.Errorf("%+v", s.Scope)
		}
	}, "unit:app.service")
}

// Its scope is declared: what is out of sight is not what it speaks of.
func TestALivekeyInAContainerSpeaksOfWhatIsInSight(t *testing.T) {
	moved(t, func(t *testing.T, w *world, l *fakeLooker, _ *fakePeer) {
		l.has(unit("app.service", "v2"))
		l.blind(nil, holders.OutOfSight)
		if s := w.wantSafety(0, "", ""); !slices.Equal(s.Unseen, []string{holders.OutOfSight}) {
			t.Errorf("unseen %q", s.Unseen)
		}
		l.blind(nil, holders.OutOfSight, "2 processes of user ada")
		w.wantSafety(exitUnknown, "sight", "1 place")
	}, "unit:app.service")
}

// What a user's manager would pass on concerns who declared a unit of it, and nobody else:
// an admin who is logged in keeps no key from being revoked.
func TestManagersOfUsersCountWhereTheirUnitsAreDeclared(t *testing.T) {
	for consumer, exit := range map[key.Consumer]int{"unit:app.service": 0, "user-unit:ada/app.service": exitUnknown} {
		t.Run(string(consumer), func(t *testing.T) {
			moved(t, func(_ *testing.T, w *world, l *fakeLooker, _ *fakePeer) {
				s := unit("app.service", "v2")
				if exit != 0 {
					s.User, s.UserUnit, s.Unit = "ada", "app.service", ""
				}
				l.has(s)
				w.wantSafety(0, "", "")
				l.blind(nil, holders.LaterByManagers+"ada")
				w.wantSafety(exit, "sight", "units of users are declared")
			}, consumer)
		})
	}
}

func TestPeersAreAskedSideBySide(t *testing.T) {
	moved(t, func(t *testing.T, w *world, l *fakeLooker, p *fakePeer) {
		l.mu.Lock()
		l.slow = 5 * time.Second
		l.mu.Unlock()
		w.issuer.mu.Lock()
		w.issuer.delay = 5 * time.Second
		w.issuer.mu.Unlock()
		p.slow = 5 * time.Second
		pass(2 * time.Minute)
		began := time.Now()
		w.safe()
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("took %s", took)
		}
	}, "host:web-2")
}

func TestNobodyKnowsAKeyThatIsNotConfigured(t *testing.T) {
	moved(t, func(t *testing.T, w *world, _ *fakeLooker, _ *fakePeer) {
		if _, err := w.e.SafeToRevoke(t.Context(), "NOBODY"); !errors.Is(err, key.ErrNotFound) {
			t.Errorf("err %v", err)
		}
	})
}
