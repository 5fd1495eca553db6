package sourcetest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/test/chaos"
)

// through is a proxy before the backend and a way to open a Source that passes it.
func (h Harness) through(t *testing.T) (p *chaos.Proxy, anew func() sources.Source) {
	t.Helper()
	if h.OpenAt == nil {
		t.Skip("there is no connection that could fail")
	}
	p = chaos.New(t, h.Address)
	return p, func() sources.Source { return h.OpenAt(t, p.Address()) }
}

// cutOff ends every connection at each byte of what the backend says, from the first of
// a log-in to the last of the record: what was read is the whole record, or an error.
func cutOff(t *testing.T, h Harness) {
	h.Put(t, "CUT", []byte(canary))
	p, anew := h.through(t)
	fetch(t, anew(), h.Location("CUT"))
	whole := p.Longest()
	for _, end := range []chaos.End{chaos.Reset, chaos.Truncate} {
		failed := 0
		for _, at := range chaos.Bytes(whole) {
			p.Set(chaos.Fault{End: end, After: at})
			r, err := anew().Fetch(t.Context(), h.Location("CUT"))
			switch {
			case err == nil:
				if got := h.value(t, r); !bytes.Equal(got, []byte(canary)) {
					t.Fatalf("cut off at byte %d of %d: %d bytes came back of %d", at, whole, len(got), len(canary))
				}
			case errors.Is(err, key.ErrNotFound):
				t.Fatalf("cut off at byte %d of %d: err = %v wraps key.ErrNotFound: the record would count as gone", at, whole, err)
			default:
				failed++
				quotesNothing(t, err)
			}
		}
		if failed == 0 {
			t.Error("no cut was noticed: the proxy is not in between")
		}
	}
}

// halfOpen has the backend fall silent at several places: a read ends with its context.
func halfOpen(t *testing.T, h Harness) {
	const patience = 200 * time.Millisecond
	h.Put(t, "SILENT", []byte(canary))
	p, anew := h.through(t)
	fetch(t, anew(), h.Location("SILENT"))
	whole := p.Longest()
	for _, at := range []int{0, whole / 2, whole - 1} {
		p.Set(chaos.Fault{End: chaos.HalfOpen, After: at})
		src := anew()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err := src.Fetch(ctx, h.Location("SILENT"))
		cancel()
		if err == nil || errors.Is(err, key.ErrNotFound) {
			t.Errorf("silent from byte %d of %d: err = %v, want one that is not key.ErrNotFound", at, whole, err)
			continue
		}
		quotesNothing(t, err)
		if took := time.Since(began); took > 10*patience {
			t.Errorf("silent from byte %d: the read ended after %s, its context after %s", at, took, patience)
		}
	}
}

// lateAndSlow has the backend take its time, which is no fault.
func lateAndSlow(t *testing.T, h Harness) {
	h.Put(t, "SLOW", []byte(canary))
	p, anew := h.through(t)
	for what, f := range map[string]chaos.Fault{
		"late": {Latency: 100 * time.Millisecond}, "in small pieces": {Rate: 10_000},
	} {
		p.Set(f)
		if got := h.value(t, fetch(t, anew(), h.Location("SLOW"))); !bytes.Equal(got, []byte(canary)) {
			t.Errorf("%s: %d bytes came back of %d, or not the same ones", what, len(got), len(canary))
		}
	}
}
