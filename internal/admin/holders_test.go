package admin

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

func TestWhoHasAsksTheDaemon(t *testing.T) {
	d := &fakeDaemon{}
	c := start(t, Options{Daemon: d})
	w, err := c.WhoHas(t.Context(), "GOOD", secret.Value{})
	if err != nil || len(w.Holders) != 1 || w.Holders[0].PID != 7 {
		t.Fatalf("%+v, %v", w, err)
	}
	if _, err := c.WhoHas(t.Context(), "NONE", secret.Value{}); !errors.Is(err, key.ErrNotFound) {
		t.Errorf("an unknown key: %v", err)
	}
	if got := d.asked(); !slices.Equal(got, []string{"who-has GOOD", "who-has NONE"}) {
		t.Errorf("the daemon was asked %q", got)
	}
}

// A pasted value reaches the daemon with every byte, is zero afterwards, and is in no log.
func TestAPastedValueIsLentToTheDaemonAlone(t *testing.T) {
	const pasted = "CANARY-\x00\n\xff-0123456789\n"
	d := &fakeDaemon{}
	var log bytes.Buffer
	s := &Server{o: Options{Daemon: d, Log: slog.New(slog.NewTextHandler(&log, nil))}}
	c := start(t, Options{Daemon: d})
	if _, err := c.WhoHas(t.Context(), "", secret.New([]byte(pasted))); err != nil {
		t.Fatal(err)
	}
	if string(d.pasted) != pasted {
		t.Errorf("%d bytes reached the daemon, of %d", len(d.pasted), len(pasted))
	}
	if !bytes.Equal(d.lent.Reveal(), make([]byte, len(pasted))) {
		t.Error("the value is still in memory after the answer")
	}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/who-has", strings.NewReader(pasted))
	if _, err := s.whoHasPasted(r); err != nil || strings.Contains(log.String(), "CANARY") || log.Len() == 0 {
		t.Errorf("%v, logged %s", err, log.String())
	}
}

func TestAValueHasItsBounds(t *testing.T) {
	for rule, c := range map[string]struct {
		text string
		good bool
	}{
		"none is no value":        {"", false},
		"the longest is taken":    {strings.Repeat("x", maxPasted), true},
		"one byte more is not":    {strings.Repeat("x", maxPasted+1), false},
		"a newline is a byte too": {"\n", true},
	} {
		v, wipe, err := ReadPasted(strings.NewReader(c.text))
		if (err == nil) != c.good || c.good && string(v.Reveal()) != c.text {
			t.Errorf("%s: %d bytes, %v", rule, v.Len(), err)
		}
		wipe()
	}
}

func TestAStatusGlancesFirst(t *testing.T) {
	d := &fakeDaemon{}
	c := start(t, Options{Daemon: d})
	if _, err := c.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := d.asked(); !slices.Equal(got, []string{"glance"}) {
		t.Errorf("the daemon was asked %q", got)
	}
}
