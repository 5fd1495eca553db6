package alerts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/key"
)

// Receivers parse this: a change here is a change of a promise.
func TestTheJSONIsFixed(t *testing.T) {
	at := time.Date(2026, 11, 23, 22, 25, 16, 0, time.UTC)
	for want, a := range map[string]alerts.Alert{
		`{"type":"livekey.alert.opened","timestamp":"2026-11-23T22:25:16Z","data":{"id":"al_1","cause":"key_dead","severity":"critical","key":"K","provider":"openai","summary":"s","since":"2026-11-23T22:25:16Z","evidence":{"a":"b"},"affected":["app"],"actions":["do"]}}`: {
			Type: alerts.Opened, Timestamp: at, Data: alerts.Data{
				ID: "al_1", Cause: key.KeyDead, Severity: alerts.Critical, Key: "K", Provider: "openai", Summary: "s", Since: at,
				Evidence: map[string]string{"a": "b"}, Affected: []string{"app"}, Actions: []string{"do"},
			},
		},
		`{"type":"livekey.alert.resolved","timestamp":"2026-11-23T22:25:16Z","data":{"id":"al_2","cause":"self_degraded","severity":"warning","summary":"s","since":"2026-11-23T22:25:16Z"}}`: {
			Type: alerts.Resolved, Timestamp: at, Data: alerts.Data{ID: "al_2", Cause: key.SelfDegraded, Severity: alerts.Warning, Summary: "s", Since: at},
		},
	} {
		got, err := json.Marshal(a)
		if err != nil || string(got) != want {
			t.Errorf("got  %s\nwant %s (%v)", got, want, err)
		}
	}
	if alerts.Updated != "livekey.alert.updated" || alerts.Info != "info" {
		t.Error("a fixed text was changed")
	}
}

func TestARetryKeepsItsCause(t *testing.T) {
	err := fmt.Errorf("send: %w", &alerts.RetryError{After: time.Minute, Err: fmt.Errorf("busy: %w", alerts.ErrRefused)})
	var retry *alerts.RetryError
	if !errors.As(err, &retry) || retry.After != time.Minute || !errors.Is(err, alerts.ErrRefused) || err.Error() != "send: busy: alert refused for good" {
		t.Error(err)
	}
}
