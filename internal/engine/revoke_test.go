package engine

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/anthropicadmin"
	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/revoke"
	revokeadmin "github.com/livekey/livekey/internal/revoke/anthropicadmin"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trail"
)

// road leads to the issuer without a socket, which would stop the time of a test.
type road struct {
	issuer *fakeissuer.Issuer
	asked  *sync.Map // string: time.Time, when a value was asked about last
}

func (r road) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r.issuer.ServeHTTP(w, req)
	return w.Result(), nil
}

// Check asks the issuer as the catalog does.
func (r road) Check(ctx context.Context, m proof.Material) key.Verdict {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://issuer/v1/models", nil)
	if err != nil {
		return key.Verdict{Reason: key.Transient, Fingerprint: m.Fingerprint}
	}
	req.Header.Set("X-Api-Key", string(m.Parts[key.DefaultPart].Reveal()))
	r.asked.Store(req.Header.Get("X-Api-Key"), now())
	req.Header.Set("Anthropic-Version", "2023-06-01")
	resp, err := r.RoundTrip(req)
	v := key.Verdict{Fingerprint: m.Fingerprint, Outcome: key.Dead, Reason: key.Invalid}
	if err == nil && resp.StatusCode == http.StatusOK {
		v.Outcome, v.Reason = key.Live, key.Valid
		v.Identity = key.Identity{"organization": resp.Header.Get("Anthropic-Organization-Id")}
	}
	return v
}

func (r road) Control(context.Context) key.Verdict {
	return key.Verdict{Outcome: key.Dead, Reason: key.Invalid}
}

// ended counts what a revoker is asked, and may fail.
type ended struct {
	revoke.Revoker
	mu     sync.Mutex
	err    error
	asked  []string
	before func()
}

func (r *ended) Revoke(ctx context.Context, o revoke.Order) (string, error) {
	r.mu.Lock()
	r.asked = append(r.asked, string(o.Version))
	before := r.before
	r.mu.Unlock()
	if before != nil {
		before()
	}
	r.mu.Lock()
	err := r.err
	r.mu.Unlock()
	if err != nil {
		return "", err
	}
	return r.Revoker.Revoke(ctx, o)
}

func (r *ended) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *ended) versions() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}

// revoker is a world whose key was rotated from v1 to v2, both issued by an issuer with an
// Admin API.
type revoker struct {
	*world
	l      *fakeLooker
	issuer *fakeissuer.Issuer
	by     *ended
	v1, v2 string
	admin  string
	road   road
}

func revokes(t *testing.T, f func(t *testing.T, w *revoker)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "admin")
	bubble(t, func(t *testing.T, w *world) {
		r := &revoker{world: w, l: &fakeLooker{}, issuer: fakeissuer.New(), v1: fakeissuer.NewAnthropicKey(), v2: fakeissuer.NewAnthropicKey()}
		r.admin = fakeissuer.NewAnthropicAdminKey()
		for _, k := range []string{r.v1, r.v2, r.admin} {
			r.issuer.Add(k, fakeissuer.Account{Organization: "org-1"})
		}
		if err := os.WriteFile(file, []byte(r.admin), 0o600); err != nil {
			t.Fatal(err)
		}
		api := road{r.issuer, &sync.Map{}}
		r.road = api
		r.by = &ended{Revoker: revokeadmin.New(anthropicadmin.New(anthropicadmin.Settings{
			AdminKeyFile: file, BaseURL: "http://issuer", Client: &http.Client{Transport: api},
		}))}
		w.setup = func(o *Options) {
			o.Lookers = append(o.Lookers, r.l)
			o.Keys[0].Checker = api
			o.Keys[0].Consumers = []key.Consumer{"unit:app.service"}
			o.Keys[0].Revoke = &Revoke{After: time.Hour, By: r.by}
		}
		w.source.set("K", r.v1)
		w.start()
		defer func() { w.stop() }()
		pass(time.Second)
		w.wantSink(r.v1)
		r.l.has(unit("app.service", r.v1))
		w.source.set("K", r.v2)
		pass(time.Second)
		w.wantSink(r.v2)
		f(t, r)
	})
}

// adopt makes the consumer restart.
func (w *revoker) adopt() { w.l.has(unit("app.service", w.v2)) }

func (w *revoker) live(value string) bool {
	return road{w.issuer, &sync.Map{}}.Check(context.Background(), proof.Material{Parts: map[key.Part]secret.Value{key.DefaultPart: secret.New([]byte(value))}}).Outcome == key.Live
}

func TestAnOldVersionIsRevokedOnceItHasBeenSafeLongEnough(t *testing.T) {
	revokes(t, func(t *testing.T, w *revoker) {
		pass(3 * time.Hour)
		if w.issuer.Updates() != 0 || len(w.by.versions()) != 0 {
			t.Fatalf("it is held, and %d calls were made", w.issuer.Updates())
		}
		w.adopt()
		pass(time.Hour)
		if w.issuer.Updates() != 0 {
			t.Fatal("it was safe for less than an hour, and is revoked")
		}
		pass(16 * time.Minute)
		if w.issuer.Updates() != 1 || w.live(w.v1) || !w.live(w.v2) {
			t.Fatalf("%d updates, v1 lives: %v, v2 lives: %v", w.issuer.Updates(), w.live(w.v1), w.live(w.v2))
		}
		pass(24 * time.Hour)
		if got := w.by.versions(); !slices.Equal(got, []string{"1"}) {
			t.Errorf("revoked %v", got)
		}
		r := w.rotations()[0]
		var story []string
		for _, s := range r.Steps {
			if s.What == trail.RevokeDone && !strings.Contains(s.Detail, "set inactive through the Admin API") {
				t.Errorf("revoked: %s", s.Detail)
			}
			story = append(story, string(s.What))
		}
		kept, err := os.ReadFile(filepath.Join(w.dir, journal.FileName))
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []string{w.v1, w.v2, w.admin} {
			if strings.Contains(string(kept), value) {
				t.Error("the journal has a value")
			}
		}
		if want := []string{"adopted", "revoked", "refused", "complete"}; r.State != trail.Ended || !slices.Equal(story[len(story)-4:], want) {
			t.Errorf("%s: %v", r.State, story)
		}
	})
}

// A yes that rests on what the issuer said a while ago is not enough to act on.
func TestTheIssuerIsAskedInTheMomentOfRevoking(t *testing.T) {
	revokes(t, func(t *testing.T, w *revoker) {
		age := time.Duration(-1)
		w.by.before = func() {
			at, _ := w.road.asked.Load(w.v2)
			age = now().Sub(at.(time.Time))
		}
		w.adopt()
		pass(3 * time.Hour)
		if age < 0 || age > freshProof {
			t.Errorf("the issuer's word about the new version was %s old", age)
		}
	})
}

// done says that it has revoked, whatever is true.
type done struct{}

func (done) Revoke(context.Context, revoke.Order) (string, error) { return "by a program", nil }

func TestARevokerThatSaysDoneIsNotAskedAgain(t *testing.T) {
	revokes(t, func(t *testing.T, w *revoker) {
		w.by.Revoker = done{}
		w.adopt()
		pass(12 * time.Hour)
		if got := w.by.versions(); len(got) != 1 || !w.live(w.v1) {
			t.Errorf("asked %d times", len(got))
		}
	})
}

func TestItMustStaySafe(t *testing.T) {
	revokes(t, func(t *testing.T, w *revoker) {
		w.adopt()
		pass(50 * time.Minute)
		w.l.has(unit("app.service", w.v2), unit("cron.service", w.v1))
		pass(20 * time.Minute)
		w.adopt()
		pass(59 * time.Minute)
		if w.issuer.Updates() != 0 {
			t.Fatal("somebody held it within the hour, and it is revoked")
		}
		pass(20 * time.Minute)
		if w.issuer.Updates() != 1 {
			t.Fatalf("%d updates", w.issuer.Updates())
		}
	})
}

func TestWhatIsNotSafeIsNeverRevoked(t *testing.T) {
	for _, c := range []struct {
		rule   string
		change func(w *revoker)
	}{
		{"while somebody holds it", func(w *revoker) { w.l.has(unit("app.service", w.v2), unit("cron.service", w.v1)) }},
		{"while somebody may hold it unseen", func(w *revoker) { w.l.blind(nil, "3 processes of others") }},
		{"while nobody looks", func(w *revoker) { w.l.blind(errBoom) }},
		{"while the new version does not live", func(w *revoker) { w.issuer.Revoke(w.v2) }},
		{"while the key is paused", func(w *revoker) {
			if err := w.e.Pause("K", now().Add(1000*time.Hour), "freeze"); err != nil {
				w.t.Fatal(err)
			}
		}},
		{"while its source has it again", func(w *revoker) { w.source.set("K", w.v1) }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			revokes(t, func(t *testing.T, w *revoker) {
				w.adopt()
				pass(10 * time.Minute)
				c.change(w)
				pass(6 * time.Hour)
				if n := w.issuer.Updates(); n != 0 || slices.Contains(w.by.versions(), "1") {
					t.Errorf("%d updates, revoked %v", n, w.by.versions())
				}
			})
		})
	}
}

func TestTwoKeysWithTheSameHintAreLeftAlone(t *testing.T) {
	revokes(t, func(t *testing.T, w *revoker) {
		other := fakeissuer.NewAnthropicKey()
		w.issuer.Add(w.v1[:16]+other[16:len(other)-4]+w.v1[len(w.v1)-4:], fakeissuer.Account{Organization: "org-1"})
		w.adopt()
		pass(6 * time.Hour)
		if w.issuer.Updates() != 0 || !w.live(w.v1) {
			t.Errorf("%d updates", w.issuer.Updates())
		}
		n := len(w.by.versions())
		if n < 2 || n > 12 {
			t.Errorf("tried %d times in six hours", n)
		}
		if !slices.Contains(w.channel.story(), "opened self_degraded") {
			t.Errorf("told %q", w.channel.story())
		}
	})
}

func TestACallThatFailsIsTriedAgain(t *testing.T) {
	revokes(t, func(t *testing.T, w *revoker) {
		w.by.fail(errBoom)
		w.adopt()
		pass(90 * time.Minute)
		w.by.fail(nil)
		pass(3 * time.Hour)
		if w.issuer.Updates() != 1 || w.live(w.v1) {
			t.Fatalf("%d updates", w.issuer.Updates())
		}
		story := w.channel.story()
		if !slices.Contains(story, "opened self_degraded") || !slices.Contains(story, "resolved self_degraded") {
			t.Errorf("told %q", story)
		}
	})
}

func TestUnderAnotherSaltNothingIsLeftToRevoke(t *testing.T) {
	revokes(t, func(t *testing.T, w *revoker) {
		w.by.fail(errBoom)
		w.adopt()
		pass(90 * time.Minute)
		if w.alert(key.SelfDegraded) == nil {
			t.Fatalf("told %q", w.channel.story())
		}
		w.stop()
		was := w.setup
		w.setup = func(o *Options) {
			was(o)
			o.Hasher = secret.NewHasher(secret.New([]byte("another salt")))
		}
		w.start()
		pass(time.Second)
		if records, err := w.e.store.revocations("K"); err != nil || len(records) > 0 {
			t.Errorf("%v of versions that nobody knows, %v", records, err)
		}
		if a := w.alert(key.SelfDegraded); a != nil {
			t.Errorf("still told: %+v", a)
		}
	})
}

// A call that was heard, and whose answer was not, is not made again.
func TestKilledBetweenIntentAndAnswer(t *testing.T) {
	revokes(t, func(t *testing.T, w *revoker) {
		w.by.before = func() { w.by.fail(errors.New("the connection broke")); w.issuer.Revoke(w.v1) }
		w.adopt()
		old := w.e.keys["K"].snapshot().Older[0].Fingerprint
		pass(80 * time.Minute)
		if got := w.by.versions(); len(got) != 1 {
			t.Fatalf("called %v", got)
		}
		records, err := w.e.store.revocations("K")
		if err != nil || records[old].Intent.IsZero() || !records[old].Done.IsZero() {
			t.Fatalf("%+v, %v", records, err)
		}
		// As a kill leaves it: the intent is on record, and nothing of what came of it.
		records[old] = revocation{Intent: records[old].Intent, Tries: 1}
		if err := w.e.store.PutSync(kindRevocation, "K", records); err != nil {
			t.Fatal(err)
		}
		pass(24 * time.Hour)
		if r := w.rotations()[0]; !slices.ContainsFunc(r.Steps, func(s trail.Step) bool { return s.What == trail.RevokeDone && s.Detail == heardAfterAll }) {
			t.Errorf("%+v", r.Steps)
		}
		if got := w.by.versions(); len(got) != 1 {
			t.Errorf("called %d times", len(got))
		}
	})
}

func TestAnIntentThatWasNeverHeardIsCarriedOut(t *testing.T) {
	revokes(t, func(t *testing.T, w *revoker) {
		old := w.e.keys["K"].snapshot().Older[0].Fingerprint
		if err := w.e.store.PutSync(kindRevocation, "K", revocations{old: {Intent: now(), Tries: 1}}); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Hour)
		if w.issuer.Updates() != 0 {
			t.Fatal("an intent of before is no yes of now")
		}
		w.adopt()
		pass(2 * time.Hour)
		if w.issuer.Updates() != 1 || w.live(w.v1) {
			t.Errorf("%d updates", w.issuer.Updates())
		}
		pass(24 * time.Hour)
		if w.issuer.Updates() != 1 {
			t.Errorf("%d updates", w.issuer.Updates())
		}
	})
}

func TestAKeyWithTheSameBytesKeepsThem(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		w.setup = func(o *Options) { o.Lookers = append(o.Lookers, &fakeLooker{}) }
		for _, name := range w.keys {
			w.source.set(name, "v1")
		}
		w.issuer.is("v1", key.Live, key.Valid, "ours")
		w.issuer.is("v2", key.Live, key.Valid, "ours")
		w.start()
		defer w.stop()
		pass(time.Second)
		w.source.set("K", "v2")
		pass(time.Second)
		w.wantSafety(exitNo, "previous", "is what key OTHER has too")
	}, "K", "OTHER")
}
