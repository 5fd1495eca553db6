package child_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/supervise"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/child"
	"github.com/livekey/livekey/sinks/sinktest"
)

// The suite of sinks is about files. What of it holds for an environment is here.

func write(t *testing.T, s *child.Sink, entries []sinks.Entry) (changed bool, err error) {
	t.Helper()
	changed, err = s.Write(t.Context(), entries)
	if err != nil && strings.Contains(err.Error(), sinktest.Canary) {
		t.Errorf("a value is in an error of %d bytes", len(err.Error()))
	}
	return changed, err
}

func TestWhatIsWrittenIsHandedOverWhole(t *testing.T) {
	var got []supervise.Keys
	s := child.New("child", func(k supervise.Keys) { got = append(got, k) })
	if err := s.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	values := map[string]string{"B": sinktest.Canary + " = \n'\"\xff", "A": sinktest.Canary}
	entries := sinktest.Entries(t, values)
	for _, c := range []struct {
		rule    string
		entries []sinks.Entry
		changed bool
		want    []string
	}{
		{"every variable, byte for byte", entries, true, []string{"A=" + values["A"], "B=" + values["B"]}},
		{"the same is nothing new", entries, false, nil},
		{"what is left out is gone", entries[:1], true, []string{"A=" + values["A"]}},
		{"what nobody can prove", sinktest.Unproved(t, map[string]string{"A": "other"}), true, []string{"A=other"}},
	} {
		got = nil
		changed, err := write(t, s, c.entries)
		if err != nil || changed != c.changed {
			t.Fatalf("%s: changed %v, %v", c.rule, changed, err)
		}
		if !changed {
			if len(got) > 0 {
				t.Errorf("%s: handed over again", c.rule)
			}
			continue
		}
		if len(got) != 1 || !slices.Equal(got[0].Pairs(), c.want) {
			t.Fatalf("%s: %d times, other variables than wanted", c.rule, len(got))
		}
		for _, e := range c.entries {
			m := e.From.Material()
			if got[0].Versions[m.Key] != m.Fingerprint {
				t.Errorf("%s: key %s has another fingerprint", c.rule, m.Key)
			}
		}
	}
}

func TestWhatIsNotProvedOrNotCarriedIsNotHandedOver(t *testing.T) {
	s := child.New("child", func(supervise.Keys) { t.Error("handed over") })
	good := sinktest.Entries(t, map[string]string{"A": sinktest.Canary})[0]
	noPart := good
	noPart.Part = "other"
	for rule, entries := range map[string][]sinks.Entry{
		"the zero Proved":          {{Variable: "A", Part: key.DefaultPart, From: proof.Proved{}}},
		"a part that is not there": {noPart},
		"one variable twice":       {good, good},
		"a NUL":                    sinktest.Entries(t, map[string]string{"A": sinktest.Canary + "\x00b"}),
		"nothing":                  sinktest.Entries(t, map[string]string{"A": ""}),
		"more than Linux takes":    sinktest.Entries(t, map[string]string{"A": sinktest.Canary + strings.Repeat("x", 128<<10)}),
		"a name that is none":      sinktest.Entries(t, map[string]string{"A-B": sinktest.Canary}),
	} {
		if _, err := write(t, s, entries); err == nil {
			t.Errorf("%s: written", rule)
		}
	}
	if err := s.Carries("A", secret.New([]byte(strings.Repeat("x", 128<<10-3)))); err != nil {
		t.Errorf("the longest that Linux takes: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Write(ctx, []sinks.Entry{good}); !errors.Is(err, ctx.Err()) {
		t.Errorf("canceled: %v", err)
	}
}
