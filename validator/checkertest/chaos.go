package checkertest

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/test/chaos"
	"github.com/livekey/livekey/validator"
)

// through is a checker whose live calls pass a proxy that can fail.
func (h Harness) through(t *testing.T, answer http.HandlerFunc) (*chaos.Proxy, func() validator.Checker) {
	t.Helper()
	i := h.issuer(t, answer)
	p := chaos.New(t, strings.TrimPrefix(i.URL, "http://"))
	return p, func() validator.Checker { return h.New(t, "http://"+p.Address()) }
}

// cutOff ends the connection at each byte of an answer: what was heard by then is the
// answer, or nothing was heard.
func (h Harness) cutOff(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{"live": h.Live, "dead": h.Dead} {
		t.Run(name, func(t *testing.T) {
			p, anew := h.through(t, answer)
			c := anew()
			whole := h.check(t, c, h.Value)
			for _, end := range []chaos.End{chaos.Reset, chaos.Truncate} {
				for _, at := range chaos.Bytes(p.Longest()) {
					p.Set(chaos.Fault{End: end, After: at})
					v := h.check(t, c, h.Value)
					if v.Outcome != whole.Outcome && (v.Outcome != key.Unknown || v.Reason != key.Transient && v.Reason != key.Intercepted) {
						t.Fatalf("cut off at byte %d: got %s/%s: %s", at, v.Outcome, v.Reason, v.Detail)
					}
				}
			}
			p.Set(chaos.Fault{End: chaos.HalfOpen, After: p.Longest() / 2})
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if v := h.checkWith(ctx, t, anew(), h.Value); v.Outcome != key.Unknown || v.Reason != key.Transient {
				t.Errorf("half-open: got %s/%s: %s", v.Outcome, v.Reason, v.Detail)
			}
		})
	}
}

func (h Harness) slow(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{"live": h.Live, "dead": h.Dead} {
		p, anew := h.through(t, answer)
		whole := h.check(t, anew(), h.Value)
		for fault, f := range map[string]chaos.Fault{
			"late": {Latency: 100 * time.Millisecond}, "in small pieces": {Rate: 20_000},
		} {
			p.Set(f)
			if v := h.check(t, anew(), h.Value); v.Outcome != whole.Outcome || v.Reason != whole.Reason {
				t.Errorf("%s, %s: got %s/%s, want %s/%s", name, fault, v.Outcome, v.Reason, whole.Outcome, whole.Reason)
			}
		}
	}
}
