package admin

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/peercred"
	"github.com/livekey/livekey/internal/report"
)

// Speaker is the process that says something about a key, as the kernel knows it.
type Speaker struct {
	Trusted  bool // it came by the daemon's own socket, or is root: it may speak for every key and consumer
	UID, GID uint32
	Groups   []uint32
	PID      int // 0: nobody can tell
}

// Unauthorized is a consumer's word that the issuer refused a key. Nothing of it is proved.
type Unauthorized struct {
	Key      string       `json:"key"`                // the name of a key, or a variable that has it
	Consumer key.Consumer `json:"consumer,omitempty"` // who saw it; empty: the process that says so
	Status   int          `json:"status,omitempty"`   // of HTTP
	Detail   string       `json:"detail,omitempty"`   // at most 200 bytes, printable
}

// Adopted is a consumer's word that it has loaded a version. One of the last three says which.
type Adopted struct {
	Key         string       `json:"key"`
	Consumer    key.Consumer `json:"consumer,omitempty"`
	Fingerprint string       `json:"fingerprint,omitempty"` // 12 digits at least
	Version     key.Version  `json:"version,omitempty"`     // as the backend names it
	SHA256      string       `json:"sha256,omitempty"`      // of the bytes that it loaded, in hex: of a key of several parts, of any of them
}

const (
	maxReport = 4 << 10
	maxDetail = 200
)

// reportHandler is what the socket for reports serves, and nothing else.
func (s *Server) reportHandler() http.Handler {
	mux := http.NewServeMux()
	s.reports(mux)
	return guard(mux)
}

// reports are the routes for consumers.
func (s *Server) reports(mux *http.ServeMux) {
	mux.Handle("POST /v1/unauthorized", s.answer(s.unauthorized))
	mux.Handle("POST /v1/adopted", s.answer(s.adopted))
}

func (s *Server) unauthorized(r *http.Request) (any, error) {
	wait := true
	if said := r.URL.Query().Get("wait"); said != "" {
		var err error
		if wait, err = strconv.ParseBool(said); err != nil {
			return nil, &badRequest{"wait: 0 or 1"}
		}
	}
	req, err := decode[Unauthorized](http.MaxBytesReader(nil, r.Body, maxReport))
	if err != nil {
		return nil, err
	}
	by, err := s.speaker(r.Context())
	if err != nil {
		return nil, err
	}
	return s.o.Daemon.Unauthorized(r.Context(), by, req, wait)
}

func (s *Server) adopted(r *http.Request) (any, error) {
	req, err := decode[Adopted](http.MaxBytesReader(nil, r.Body, maxReport))
	if err != nil {
		return nil, err
	}
	by, err := s.speaker(r.Context())
	if err != nil {
		return nil, err
	}
	return s.o.Daemon.Adopted(by, req)
}

// speaker is who sent a request. Who has connected and ended, and left the connection to
// another, is nobody: no one could see any more who it was.
func (s *Server) speaker(ctx context.Context) (Speaker, error) {
	p, known := ctx.Value(peerKey{}).(peercred.Cred)
	if !known {
		return Speaker{UID: ^uint32(0), GID: ^uint32(0)}, nil
	}
	by := Speaker{Trusted: !s.public || p.UID == 0, UID: p.UID, GID: p.GID, Groups: p.Groups, PID: p.PID}
	if !by.Trusted && by.PID != 0 && errors.Is(syscall.Kill(by.PID, 0), syscall.ESRCH) {
		return by, &badRequest{"the process that connected has ended: ask from one that waits for the answer"}
	}
	return by, nil
}

func (r Unauthorized) check() error {
	switch {
	case r.Key == "":
		return &badRequest{"key: which one?"}
	case r.Status != 0 && (r.Status < 100 || r.Status > 999):
		return &badRequest{"status: a status of HTTP has three digits"}
	case len(r.Detail) > maxDetail:
		return &badRequest{"detail: longer than 200 bytes"}
	case strings.ContainsFunc(r.Detail, func(c rune) bool { return !unicode.IsPrint(c) }):
		return &badRequest{"detail: one line of printable text"}
	}
	return checkConsumer(r.Consumer)
}

func (r Adopted) check() error {
	said := 0
	for _, s := range []string{r.Fingerprint, string(r.Version), r.SHA256} {
		if s != "" {
			said++
		}
	}
	switch {
	case r.Key == "":
		return &badRequest{"key: which one?"}
	case said != 1:
		return &badRequest{"which version? One of fingerprint, version and sha256"}
	case r.Fingerprint != "" && (len(r.Fingerprint) < 12 || len(r.Fingerprint) > 64 || !isHex(r.Fingerprint)):
		return &badRequest{"fingerprint: 12 digits or more, as status shows them"}
	case r.SHA256 != "" && (len(r.SHA256) != 64 || !isHex(r.SHA256)):
		return &badRequest{"sha256: 64 hex digits"}
	}
	return checkConsumer(r.Consumer)
}

func checkConsumer(c key.Consumer) error {
	if c == "" {
		return nil
	}
	if _, err := key.ParseConsumer(string(c)); err != nil {
		return &badRequest{"consumer: " + err.Error()}
	}
	return nil
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// Unauthorized tells the daemon of a refusal, and returns what it found out.
func (c *Client) Unauthorized(ctx context.Context, r Unauthorized) (report.Answer, error) {
	var a report.Answer
	err := c.call(ctx, http.MethodPost, "/v1/unauthorized", r, &a)
	return a, err
}

// Adopted tells the daemon which version a consumer has loaded.
func (c *Client) Adopted(ctx context.Context, r Adopted) (report.Adoption, error) {
	var a report.Adoption
	err := c.call(ctx, http.MethodPost, "/v1/adopted", r, &a)
	return a, err
}
