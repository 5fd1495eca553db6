package alerttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/livekey/livekey/alerts"
)

// receiver is a channel and its receiver in one. Each fault of it breaks one rule.
type receiver struct {
	mu    sync.Mutex
	got   []Message
	down  bool
	sends int
	fault string
}

func (r *receiver) Send(ctx context.Context, a alerts.Alert) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sends++
	if ctx.Err() != nil {
		if r.fault == "hides cancellation" {
			return errors.New("stopped")
		}
		return ctx.Err()
	}
	if r.down {
		switch r.fault {
		case "swallows errors":
			return nil
		case "refuses for good":
			return fmt.Errorf("down: %w", alerts.ErrRefused)
		case "quotes its credential":
			return errors.New("post with CREDENTIAL: down")
		}
		return errors.New("down")
	}
	if r.fault == "takes the first alert only" && r.sends > 1 {
		return nil
	}
	id := a.Data.ID + string(a.Type) + fmt.Sprint(a.Timestamp.UnixNano())
	switch r.fault {
	case "counts instead of naming":
		id = fmt.Sprint(r.sends)
	case "names the alert, not the event":
		id = a.Data.ID
	case "leaves out the summary":
		a.Data.Summary = ""
	case "changes the alert":
		a.Data.Evidence["x"] = "y"
	}
	text, err := json.Marshal(a)
	r.got = append(r.got, Message{id, string(text)})
	if r.fault == "sends each line alone" && len(a.Data.Summary) > 3 && a.Data.Summary[3] == '\n' {
		r.got = append(r.got, Message{id, string(text)})
	}
	return err
}

func harness(fault string) func(testing.TB) Harness {
	return func(testing.TB) Harness {
		r := &receiver{fault: fault}
		return Harness{
			Open: func(testing.TB) alerts.Channel { return r },
			Received: func(testing.TB) []Message {
				r.mu.Lock()
				defer r.mu.Unlock()
				got := r.got
				r.got = nil
				return got
			},
			Fault:      func(testing.TB) func() { r.down = true; return func() { r.down = false } },
			Credential: "CREDENTIAL",
		}
	}
}

func TestAGoodChannelPasses(t *testing.T) { Run(t, harness("")) }

func TestEachRuleFindsTheChannelThatBreaksIt(t *testing.T) {
	for fault, name := range map[string]string{
		"leaves out the summary":         "every alert arrives once, with what a person needs",
		"counts instead of naming":       "an alert sent again, also after a restart, has the same id",
		"names the alert, not the event": "different events have different ids",
		"sends each line alone":          "a hostile text stays one message",
		"changes the alert":              "the alert is not changed",
		"takes the first alert only":     "many may send at once",
		"hides cancellation":             "a canceled context ends the call",
		"swallows errors":                "a receiver that fails is an error, and no credential is in it",
		"refuses for good":               "a receiver that fails is an error, and no credential is in it",
		"quotes its credential":          "a receiver that fails is an error, and no credential is in it",
	} {
		found := false
		for _, r := range rules {
			if r.name == name {
				found = true
				if r.hold(t, harness(fault)(t)) == nil {
					t.Errorf("%q does not see a channel that %s", name, fault)
				}
			}
		}
		if !found {
			t.Errorf("there is no rule %q", name)
		}
	}
}
