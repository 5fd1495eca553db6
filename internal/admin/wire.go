package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/livekey/livekey/internal/key"
)

type refreshRequest struct {
	Names []key.Name `json:"names"` // none: all
}

type approveRequest struct {
	Name    key.Name    `json:"name"`
	Version key.Version `json:"version,omitempty"` // empty: the one that is held
	Reason  string      `json:"reason,omitempty"`
}

type pauseRequest struct {
	Name   key.Name `json:"name,omitempty"` // empty: every key
	For    duration `json:"for"`            // as Go writes a duration: "90m"
	Reason string   `json:"reason"`
}

type resumeRequest struct {
	Name key.Name `json:"name,omitempty"` // empty: every key
}

type readyAnswer struct {
	Ready   bool     `json:"ready"`
	Missing []string `json:"missing,omitempty"`
	// Standby says that it is ready to take over, and another livekey works: a rollout that
	// waited for more would wait for ever.
	Standby bool `json:"standby,omitempty"`
}

type errorAnswer struct {
	Error string `json:"error"`
}

// A request that can be read can still ask for nothing.
type request interface {
	refreshRequest | approveRequest | pauseRequest | resumeRequest | Unauthorized | Adopted | safeRequest
	check() error
}

func (r refreshRequest) check() error {
	if slices.Contains(r.Names, "") {
		return &badRequest{"names: empty"}
	}
	return nil
}

func (r approveRequest) check() error {
	if r.Name == "" {
		return &badRequest{"name: which key?"}
	}
	return nil
}

func (r pauseRequest) check() error {
	if r.For <= 0 {
		return &badRequest{"for: how long? A pause ends by itself"}
	}
	if r.Reason == "" {
		return &badRequest{"reason: why? Whoever finds the pause wants to know"}
	}
	return nil
}

func (resumeRequest) check() error { return nil }

type badRequest struct{ why string }

func (e *badRequest) Error() string { return e.why }

// decode reads one JSON object and nothing after it. A field that nobody knows
// is refused: it was meant to do something.
func decode[T request](body io.Reader) (T, error) {
	var req, none T
	b, err := io.ReadAll(body)
	if err != nil {
		return none, fmt.Errorf("read request: %w", err)
	}
	if b = bytes.TrimSpace(b); len(b) == 0 || b[0] != '{' {
		return none, &badRequest{"not a JSON object"}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&req); err != nil {
		return none, &badRequest{fault(err)}
	}
	if d.InputOffset() < int64(len(b)) {
		return none, &badRequest{"one JSON object, something follows it"}
	}
	return req, req.check()
}

// fault says nothing of what the body held: somebody may have pasted a key.
func fault(err error) string {
	var typ *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &typ):
		return "wrong type for " + typ.Field
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF):
		return "not a JSON object"
	case errors.Is(err, errNoDuration):
		return "for: not a duration like 90m"
	default: // encoding/json has no type for it
		return "a field that livekey does not know"
	}
}

// duration is a time.Duration that JSON writes as Go does.
type duration time.Duration

var errNoDuration = errors.New("not a duration")

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return errNoDuration
	}
	*d = duration(v)
	return nil
}
