package alerttest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/test/chaos"
)

// cutOff ends every connection at each byte of the receiver's answer, and has it fall
// silent: what Send calls sent has arrived, and no such fault is a refusal.
func cutOff(t testing.TB, h Harness) error {
	if h.OpenAt == nil {
		return nil // there is no connection that could fail
	}
	p := chaos.New(t, h.Address)
	if _, err := send(h, t, h.OpenAt(t, p.Address()), Sample()); err != nil {
		return err
	}
	faults := []chaos.Fault{{End: chaos.HalfOpen}, {End: chaos.HalfOpen, After: p.Longest() / 2}}
	for _, at := range chaos.Bytes(p.Longest()) {
		faults = append(faults, chaos.Fault{End: chaos.Reset, After: at}, chaos.Fault{End: chaos.Truncate, After: at})
	}
	for _, f := range faults {
		p.Set(f)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		err := h.OpenAt(t, p.Address()).Send(ctx, Sample())
		cancel()
		if arrived := len(h.Received(t)); err == nil && arrived == 0 {
			return fmt.Errorf("%+v: nil, and nothing arrived", f)
		}
		if errors.Is(err, alerts.ErrRefused) {
			return fmt.Errorf("%+v: %w: a connection that fails is no refusal", f, err)
		}
		if h.quoted(err) {
			return fmt.Errorf("%+v: the credential is in the error", f)
		}
	}
	p.Set(chaos.Fault{Latency: 100 * time.Millisecond, Rate: 10_000})
	if _, err := send(h, t, h.OpenAt(t, p.Address()), Sample()); err != nil {
		return fmt.Errorf("late and slow: %w", err)
	}
	return nil
}
