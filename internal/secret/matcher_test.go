package secret_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

func TestAMatcherKnowsWhatTheHasherFingerprints(t *testing.T) {
	h := secret.NewHasher(value("salt"))
	long := strings.Repeat("k", secret.MaxMatch)
	wanted := []key.Fingerprint{
		h.Part(value("the wanted key")), h.Part(value("another wanted key")), h.Part(value("short")),
		h.Part(value(long)), h.Part(value(long + "k")), "no fingerprint", h.Part(value("eightchr"))[:63] + "x",
	}
	for _, c := range []struct {
		name, shown string
		want        key.Fingerprint
	}{
		{"a wanted one is found", "the wanted key", wanted[0]},
		{"each of several", "another wanted key", wanted[1]},
		{"and found again", "the wanted key", wanted[0]},
		{"another is not", "a foreign value", ""},
		{"nor when it comes again", "a foreign value", ""},
		{"nor a beginning of a wanted one", "the wanted ke", ""},
		{"nothing is as short as that", "short", ""},
		{"the longest variable is found", long, wanted[3]},
		{"what no program can be given is not looked at", long + "k", ""},
		{"what is no fingerprint matches nothing", "eightchr", ""},
	} {
		m := h.Matcher(wanted)
		for range 3 { // a matcher that remembers the wrong thing changes its answer
			if got, ok := m.Match([]byte(c.shown)); got != c.want || ok != (c.want != "") {
				t.Errorf("not true: %s: got %q, %v", c.name, got, ok)
			}
		}
	}
	if !h.Matcher(nil).Idle() || h.Matcher(wanted).Idle() {
		t.Error("idle is whoever looks for nothing")
	}
}

func TestAMatcherFindsTheWantedOneAmongManyMoreThanItRemembers(t *testing.T) {
	h := secret.NewHasher(value("salt"))
	m := h.Matcher([]key.Fingerprint{h.Part(value("value number 777"))})
	for round := range 2 {
		found := 0
		for i := range 40_000 {
			if _, ok := m.Match(fmt.Appendf(nil, "value number %d", i)); ok {
				found++
			}
		}
		if found != 1 {
			t.Errorf("round %d: found %d times", round, found)
		}
	}
}

func TestAMatcherLeavesWhatItIsShownAlone(t *testing.T) {
	h := secret.NewHasher(value("salt"))
	m := h.Matcher([]key.Fingerprint{h.Part(value("the wanted key"))})
	shown := []byte("a foreign value")
	if n := testing.AllocsPerRun(100, func() { m.Match(shown) }); n != 0 {
		t.Errorf("%g allocations for a value that was seen before", n)
	}
	if !bytes.Equal(shown, []byte("a foreign value")) {
		t.Error("it was changed")
	}
}

func BenchmarkMatch(b *testing.B) {
	h := secret.NewHasher(value("salt"))
	wanted := []key.Fingerprint{h.Part(value("the wanted key"))}
	b.Run("seen before", func(b *testing.B) {
		m, v := h.Matcher(wanted), []byte(strings.Repeat("v", 100))
		for b.Loop() {
			m.Match(v)
		}
	})
	b.Run("new", func(b *testing.B) {
		m, v := h.Matcher(wanted), []byte(strings.Repeat("v", 100))
		for i := 0; b.Loop(); i++ {
			v[0], v[1], v[2] = byte(i), byte(i>>8), byte(i>>16)
			m.Match(v)
		}
	})
}
