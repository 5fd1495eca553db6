package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/fakeissuer"
)

func TestOnceExitsByWhatTheSinksHold(t *testing.T) {
	t.Parallel()
	const one = "keys:\n  A: {from: file://$DIR/source/A, provider: anthropic, base_url: $ISSUER}\n"
	const optional = "keys:\n  A: {from: file://$DIR/source/A, provider: anthropic, base_url: $ISSUER, optional: true}\n"
	live := func(w *world) { w.put("A", w.newKey()) }
	delivered := func(w *world) string {
		v := w.newKey()
		w.put("A", v)
		if r := w.livekey("once"); r.exit != 0 {
			w.t.Fatalf("the first once exits %d\n%s", r.exit, r.stderr)
		}
		return v
	}
	for _, tc := range []struct {
		rule   string
		config string
		given  func(w *world)
		args   []string
		exit   int
		says   string // on stderr
		holds  bool   // whether the sinks have the key
	}{
		{"a live key is delivered", one, live, nil, 0, "", true},
		{"a dead key is not", one, func(w *world) { w.put("A", fakeissuer.NewAnthropicKey()) }, nil, 3, "reason=invalid", false},
		{"a malformed key is not", one, func(w *world) { w.put("A", w.newKey()+"\n") }, nil, 3, "reason=malformed", false},
		{"a missing record is missing", one, func(*world) {}, nil, 3, "A not delivered", false},
		{"an optional key is not waited for", optional, func(*world) {}, nil, 0, "", false},
		{"nobody can be asked", one, func(w *world) { live(w); w.issuer.Mode(fakeissuer.Overloaded) }, nil, 4, "529", false},
		{"a refused candidate over a good version", one, func(w *world) {
			delivered(w)
			w.put("A", fakeissuer.NewAnthropicKey())
		}, nil, 0, "warning", true},
		{"strict counts the refused candidate", one, func(w *world) {
			delivered(w)
			w.put("A", fakeissuer.NewAnthropicKey())
		}, []string{"--strict"}, 3, "warning", true},
		{"the delivered key is dead", one, func(w *world) { w.issuer.Revoke(delivered(w)) }, nil, 3, "", true},
		{"no credit is blocked", one, func(w *world) {
			v := fakeissuer.NewAnthropicKey()
			w.issuer.Add(v, fakeissuer.Account{Organization: ours.Organization, State: fakeissuer.NoCredit})
			w.put("A", v)
		}, nil, 3, "", true},
		{"a sink cannot be written", one, func(w *world) {
			live(w)
			must(w.t, os.RemoveAll(w.path("sinks/app")))
			must(w.t, os.WriteFile(w.path("sinks/app"), nil, 0o600))
		}, nil, 6, "", false},
		{"a config with a fault", one + "nosuch: 1\n", live, nil, 2, "nosuch", false},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.vars["WAIT"] = "1s"
			w.configure(tc.config + twoSinks)
			tc.given(w)
			r := w.livekey(append([]string{"once"}, tc.args...)...)
			if r.exit != tc.exit || !strings.Contains(r.stderr, tc.says) {
				t.Errorf("exits %d, want %d and %q on stderr:\n%s", r.exit, tc.exit, tc.says, r.stderr)
			}
			if env, err := readEnv(w.path("sinks/app/app.env")); (err == nil && len(env) > 0) != tc.holds {
				t.Errorf("the env file has %d keys (%v)", len(env), err)
			}
		})
	}
}
