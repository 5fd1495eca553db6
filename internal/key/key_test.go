package key_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
)

func TestRank(t *testing.T) {
	for _, c := range []struct {
		name string
		v    key.Verdict
		rank int
		ok   bool
	}{
		{"the zero verdict has no rank", key.Verdict{}, 3, false},
		{"live is 3", key.Verdict{Outcome: key.Live, Reason: key.Valid}, 3, true},
		{"a limited scope is live", key.Verdict{Outcome: key.Live, Reason: key.LimitedScope}, 3, true},
		{"rate limited is 2", key.Verdict{Outcome: key.Live, Reason: key.RateLimited}, 2, true},
		{"blocked is 1", key.Verdict{Outcome: key.Live, Reason: key.Blocked}, 1, true},
		{"dead is 0", key.Verdict{Outcome: key.Dead, Reason: key.Invalid}, 0, true},
		{"malformed is dead", key.Verdict{Outcome: key.Dead, Reason: key.Malformed}, 0, true},
		{"unknown has none", key.Verdict{Outcome: key.Unknown, Reason: key.Transient}, 3, false},
		{"without a provider all are equal", key.Verdict{Outcome: key.Unknown, Reason: key.NoProvider}, 3, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			rank, ok := c.v.Rank()
			if ok != c.ok || ok && rank != c.rank {
				t.Errorf("got %d, %v", rank, ok)
			}
		})
	}
}

func TestRejectedAndUnasked(t *testing.T) {
	for _, c := range []struct {
		name              string
		v                 key.Verdict
		rejected, unasked bool
	}{
		{"an issuer's refusal is a rejection", key.Verdict{Outcome: key.Dead, Reason: key.Invalid}, true, false},
		{"so is one of an expired key", key.Verdict{Outcome: key.Dead, Reason: key.Expired}, true, false},
		{"a local fault is none", key.Verdict{Outcome: key.Dead, Reason: key.Malformed}, false, false},
		{"an outage is no answer", key.Verdict{Reason: key.Transient}, false, true},
		{"a captive portal is no answer", key.Verdict{Reason: key.Intercepted}, false, true},
		{"a refusal without the issuer's mark is neither", key.Verdict{Reason: key.Unauthenticated}, false, false},
		{"not yet asked is neither", key.Verdict{Reason: key.NotYetAsked}, false, false},
		{"live is neither", key.Verdict{Outcome: key.Live, Reason: key.Transient}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.v.Rejected() != c.rejected || c.v.Unasked() != c.unasked {
				t.Errorf("rejected %v, unasked %v", c.v.Rejected(), c.v.Unasked())
			}
		})
	}
}

func TestOutcomeIsItsNameInJSON(t *testing.T) {
	for want, o := range map[string]key.Outcome{`"unknown"`: key.Unknown, `"live"`: key.Live, `"dead"`: key.Dead} {
		text, err := json.Marshal(o)
		if err != nil || string(text) != want {
			t.Errorf("%s, %v, want %s", text, err, want)
		}
		back := key.Outcome(9)
		if err := json.Unmarshal(text, &back); err != nil || back != o {
			t.Errorf("%s reads back as %s, %v", text, back, err)
		}
	}
	o := key.Live
	if err := json.Unmarshal([]byte(`"alive"`), &o); err == nil || o != key.Live {
		t.Errorf("an unknown name was read as %s", o)
	}
	if got := key.Outcome(9).String(); got != "outcome(9)" {
		t.Error(got)
	}
}

func TestAVerdictIsShortInJSONAndSurvivesIt(t *testing.T) {
	text, err := json.Marshal(key.Verdict{})
	if err != nil || string(text) != `{"outcome":"unknown"}` {
		t.Errorf("%s, %v", text, err)
	}
	full := key.Verdict{
		Outcome: key.Live, Reason: key.Blocked, Which: "no_credit", Detail: "d", Fingerprint: "f", Control: key.ControlGood, HTTPStatus: 400,
		RequestID: "r", CheckedAt: time.Unix(1, 0).UTC(), ExpiresAt: time.Unix(2, 0).UTC(), RetryAfter: time.Second, Identity: key.Identity{"organization": "o"},
	}
	text, err = json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	var back key.Verdict
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil || string(again) != string(text) || strings.Count(string(text), ":") < 12 {
		t.Errorf("%s became %s, %v", text, again, err)
	}
}

func TestReferencesReadAsWritten(t *testing.T) {
	for want, r := range map[string]key.Ref{
		"env://":                          {Location: key.Location{Source: "env"}},
		"vault://secret/a":                {Location: key.Location{Source: "vault", Path: "secret/a"}},
		"vault://secret/a#field":          {Location: key.Location{Source: "vault", Path: "secret/a"}, Field: "field"},
		"vault://a?version=3#/json/ptr":   {Location: key.Location{Source: "vault", Path: "a", Version: "3"}, Field: "/json/ptr"},
		"vault://a?namespace=t":           {Location: key.Location{Source: "vault", Path: "a", Params: "namespace=t"}},
		"vault://a?version=3&namespace=t": {Location: key.Location{Source: "vault", Path: "a", Version: "3", Params: "namespace=t"}},
	} {
		if got := r.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAFingerprintIsShownShort(t *testing.T) {
	for in, want := range map[key.Fingerprint]string{"": "", "abc": "abc", "0123456789abcdef": "0123456789ab"} {
		if got := in.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
