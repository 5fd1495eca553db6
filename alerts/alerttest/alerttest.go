// Package alerttest is the conformance suite of channels. A kind passes when Run
// passes with a Harness over a receiver that is as real as a test can have.
package alerttest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
)

// Message is what a receiver got by one Send.
type Message struct {
	ID   string // by which it drops what it has seen; empty: it has none
	Text string // one message as it arrived, decoded from its transport
}

// A Harness is one kind of channel with its receiver.
type Harness struct {
	// Open makes a channel, as after a start of livekey, to the receiver that
	// Received tells about. Each call of it within one test reaches the same one.
	Open func(t testing.TB) alerts.Channel

	// Received returns what arrived since the last call, in order.
	Received func(t testing.TB) []Message

	// Fault makes the receiver fail until mend is called. Nil: it cannot.
	Fault func(t testing.TB) (mend func())

	// Address is where the receiver listens, host and port, and OpenAt is Open for one
	// that seems to listen elsewhere: at a proxy that fails. Nil: it has no address.
	Address string
	OpenAt  func(t testing.TB, address string) alerts.Channel

	// Credential is the channel's own, which no error quotes. Empty: it has none.
	Credential string
}

// quoted says whether an error shows the credential, printed in any way.
func (h Harness) quoted(err error) bool {
	return h.Credential != "" && strings.Contains(fmt.Sprintf("%+v %#v", err, err), h.Credential)
}

// Run holds a kind to the contract of alerts.Channel. fresh makes a Harness for each rule.
func Run(t *testing.T, fresh func(t testing.TB) Harness) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			if err := r.hold(t, fresh(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

type rule struct {
	name string
	hold func(t testing.TB, h Harness) error
}

var rules = []rule{
	{"every alert arrives once, with what a person needs", arrives},
	{"an alert sent again, also after a restart, has the same id", sameID},
	{"different events have different ids", otherID},
	{"a hostile text stays one message", hostile},
	{"the alert is not changed", unchanged},
	{"many may send at once", concurrent},
	{"a canceled context ends the call", canceled},
	{"a receiver that fails is an error, and no credential is in it", fails},
	{"what is called sent has arrived, wherever the connection fails", cutOff},
}

// Sample is an alert with every field filled in.
func Sample() alerts.Alert {
	since := time.Date(2026, 11, 23, 22, 25, 16, 123456789, time.UTC)
	return alerts.Alert{
		Type: alerts.Opened, Timestamp: since.Add(time.Second),
		Data: alerts.Data{
			ID: "al_0123456789abcdef", Cause: key.KeyDead, Severity: alerts.Critical,
			Key: "ANTHROPIC_API_KEY", Provider: "anthropic", Summary: "the current key is dead and has no successor",
			Since: since, Evidence: map[string]string{"fingerprint": "9f86d081884c", "http_status": "401"},
			Affected: []string{"app", "files"}, Actions: []string{"livekey refresh ANTHROPIC_API_KEY"},
		},
	}
}

func send(h Harness, t testing.TB, c alerts.Channel, a alerts.Alert) (Message, error) {
	if err := c.Send(t.Context(), a); err != nil {
		return Message{}, fmt.Errorf("send %s: %w", a.Type, err)
	}
	got := h.Received(t)
	if len(got) != 1 {
		return Message{}, fmt.Errorf("%d messages arrived for one %s", len(got), a.Type)
	}
	return got[0], nil
}

func arrives(t testing.TB, h Harness) error {
	c := h.Open(t)
	for _, typ := range []alerts.Type{alerts.Opened, alerts.Updated, alerts.Resolved} {
		for _, severity := range []alerts.Severity{alerts.Info, alerts.Warning, alerts.Critical} {
			a := Sample()
			a.Type, a.Data.Severity = typ, severity
			m, err := send(h, t, c, a)
			if err != nil {
				return err
			}
			_, happened, _ := strings.Cut(string(typ), "livekey.alert.")
			for _, part := range []string{happened, a.Data.ID, string(a.Data.Cause), string(severity), string(a.Data.Key), a.Data.Provider, a.Data.Summary, a.Data.Evidence["fingerprint"], a.Data.Affected[1], a.Data.Actions[0]} {
				if !strings.Contains(m.Text, part) {
					return fmt.Errorf("%s of %s: %q is not in %s", typ, severity, part, m.Text)
				}
			}
		}
	}
	_, err := send(h, t, c, alerts.Alert{Type: alerts.Opened, Timestamp: Sample().Timestamp, Data: alerts.Data{ID: "al_1", Cause: key.SelfDegraded, Severity: alerts.Warning, Summary: "x"}})
	return err
}

func sameID(t testing.TB, h Harness) error {
	var first Message
	for i := range 4 {
		a := Sample()
		if i%2 == 1 { // what came back from the journal may be in another zone
			a.Timestamp = a.Timestamp.In(time.FixedZone("", 3600))
		}
		m, err := send(h, t, h.Open(t), a)
		if err != nil {
			return err
		}
		if i == 0 {
			first = m
		}
		if m.ID != first.ID {
			return fmt.Errorf("id %q of the first try, %q of a later one", first.ID, m.ID)
		}
	}
	return nil
}

func otherID(t testing.TB, h Harness) error {
	seen := map[string]bool{}
	c := h.Open(t)
	for _, change := range []func(*alerts.Alert){
		func(*alerts.Alert) {},
		func(a *alerts.Alert) { a.Data.ID += "0" },
		func(a *alerts.Alert) { a.Type = alerts.Updated },
		func(a *alerts.Alert) { a.Timestamp = a.Timestamp.Add(time.Nanosecond) },
	} {
		a := Sample()
		change(&a)
		m, err := send(h, t, c, a)
		if err != nil {
			return err
		}
		if m.ID != "" && seen[m.ID] {
			return fmt.Errorf("id %q stands for two events", m.ID)
		}
		seen[m.ID] = true
	}
	return nil
}

func hostile(t testing.TB, h Harness) error {
	c := h.Open(t)
	for _, text := range []string{"two\nlines\r\n", "\x00\x1b[31m", `"quotes" \ {{.}} %s <b>&`, "\xff\xfe", "\u2028\u202e", strings.Repeat("long ", 13<<10)} {
		a := Sample()
		a.Data.Summary, a.Data.Evidence, a.Data.Affected = text, map[string]string{text: text}, []string{text}
		m, err := send(h, t, c, a)
		if err != nil {
			return err
		}
		if !strings.Contains(m.Text, a.Data.ID) {
			return fmt.Errorf("the id is not in the message with %.20q", text)
		}
	}
	return nil
}

func unchanged(t testing.TB, h Harness) error {
	a, c := Sample(), h.Open(t)
	if _, err := send(h, t, c, a); err != nil {
		return err
	}
	if !reflect.DeepEqual(a, Sample()) {
		return fmt.Errorf("Send made %+v of it", a)
	}
	return nil
}

func concurrent(t testing.TB, h Harness) error {
	const n = 16
	c := h.Open(t)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			a := Sample()
			a.Data.ID = fmt.Sprintf("al_%04d", i)
			errs[i] = c.Send(t.Context(), a)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var all strings.Builder
	got := h.Received(t)
	for _, m := range got {
		all.WriteString(m.Text)
	}
	for i := range n {
		if strings.Count(all.String(), fmt.Sprintf("al_%04d", i)) != 1 || len(got) != n {
			return fmt.Errorf("alert %d did not arrive once", i)
		}
	}
	return nil
}

func canceled(t testing.TB, h Harness) error {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := h.Open(t).Send(ctx, Sample())
	arrived := len(h.Received(t)) == 1
	if err == nil && !arrived {
		return errors.New("nil, and nothing arrived")
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w does not wrap context.Canceled", err)
	}
	return nil
}

func fails(t testing.TB, h Harness) error {
	if h.Fault == nil {
		return nil
	}
	c := h.Open(t)
	mend := h.Fault(t)
	err := c.Send(t.Context(), Sample())
	h.Received(t)
	if err == nil {
		return errors.New("nil from a receiver that fails")
	}
	if errors.Is(err, alerts.ErrRefused) {
		return fmt.Errorf("%w: a fault that passes is no refusal", err)
	}
	if h.quoted(err) {
		return errors.New("the credential is in the error")
	}
	mend()
	if _, err := send(h, t, c, Sample()); err != nil {
		return fmt.Errorf("after the fault: %w", err)
	}
	return nil
}
