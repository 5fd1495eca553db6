package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/drill"
	"github.com/livekey/livekey/internal/journal"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

func TestTheFirstCodeThatHoldsWins(t *testing.T) {
	order := []code{usage, internal, sinkFailed, notLive, no, unknown, ok}
	for i, first := range order {
		for _, later := range order[i:] {
			if got := worst(later, first); got != first {
				t.Errorf("worst(%d, %d) = %d, want %d", later, first, got, first)
			}
		}
	}
}

func TestErrorsHaveTheirCode(t *testing.T) {
	for _, tt := range []struct {
		rule string
		err  error
		want code
	}{
		{"nothing", nil, ok},
		{"what nobody foresaw", errors.New("boom"), internal},
		{"a fault of the config", config.Faults{{Message: "bad"}}, usage},
		{"no config", config.ErrNoConfig, usage},
		{"a second daemon on the state", &journal.LockedError{PID: 7}, usage},
		{"a second daemon on the socket", admin.ErrInUse, usage},
		{"a name that the daemon does not know", &admin.RefusedError{Status: 404}, usage},
		{"nothing to approve", &admin.RefusedError{Status: 409}, no},
		{"the daemon's own fault", &admin.RefusedError{Status: 500}, internal},
		{"nobody answers", &admin.NoDaemonError{}, unknown},
		{"nobody answers in time", context.DeadlineExceeded, unknown},
		{"a promise that was not kept", drill.ErrNotKept, no},
		{"a code of its own", exit(sinkFailed), sinkFailed},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			if got := codeOf(tt.err); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
			if tt.err == nil {
				return
			}
			if got := codeOf(fmt.Errorf("on the way: %w", tt.err)); got != tt.want {
				t.Errorf("wrapped: got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestStatusIsJudgedByWhatTheSinksHold(t *testing.T) {
	current := func(o key.Outcome, r key.Reason) report.Key {
		return report.Key{Current: &report.Current{Outcome: o, Reason: r}}
	}
	waiting := func(o key.Outcome) report.Key { return report.Key{Candidate: &report.Candidate{Outcome: o}} }
	optional := func(k report.Key) report.Key { k.Optional = true; return k }
	failed := func(k report.Key) report.Key { k.Sinks = []report.Sink{{Error: "disk full"}}; return k }
	live := current(key.Live, key.Valid)
	refused := live
	refused.Candidate = &report.Candidate{Outcome: key.Dead}
	for _, tt := range []struct {
		rule string
		keys []report.Key
		want code
	}{
		{"no keys", nil, ok},
		{"live", []report.Key{live}, ok},
		{"live with limited scope", []report.Key{current(key.Live, key.LimitedScope)}, ok},
		{"live and rate limited", []report.Key{current(key.Live, key.RateLimited)}, ok},
		{"blocked", []report.Key{current(key.Live, key.Blocked)}, notLive},
		{"dead", []report.Key{current(key.Dead, key.Invalid)}, notLive},
		{"nobody can prove it", []report.Key{current(key.Unknown, key.NoProvider)}, ok},
		{"delivered and unknown", []report.Key{current(key.Unknown, key.Transient)}, unknown},
		{"a refused candidate over a good version", []report.Key{refused}, ok},
		{"missing", []report.Key{{Missing: true}}, notLive},
		{"not there, nobody knows why", []report.Key{{}}, notLive},
		{"its source is unreachable", []report.Key{{SourceError: "connection refused"}}, unknown},
		{"its candidate is unknown", []report.Key{waiting(key.Unknown)}, unknown},
		{"its candidate is dead", []report.Key{waiting(key.Dead)}, notLive},
		{"its candidate is live and held", []report.Key{waiting(key.Live)}, notLive},
		{"optional and dead", []report.Key{optional(current(key.Dead, key.Invalid))}, ok},
		{"optional and missing", []report.Key{optional(report.Key{Missing: true})}, ok},
		{"a sink failed, also of an optional key", []report.Key{optional(failed(live))}, sinkFailed},
		{"a sink failed and a key is dead", []report.Key{current(key.Dead, key.Invalid), failed(live)}, sinkFailed},
		{"one dead among unknown", []report.Key{waiting(key.Unknown), current(key.Dead, key.Invalid)}, notLive},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			if got := judge(report.Status{Keys: tt.keys}); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestSuggestionsAreNear(t *testing.T) {
	names := []string{"status", "resume", "refresh", "run", "check", "config"}
	for word, want := range map[string]string{
		"statsu": "status", "refersh": "refresh", "chek": "check", "conf": "config", "re": "resume", "banana": "", "x": "",
	} {
		got := didYouMean(word, names, "")
		if want == "" && got != "" || want != "" && got != fmt.Sprintf(", did you mean %q?", want) {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}
