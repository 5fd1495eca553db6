package admin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// Evidence is what the socket can ask about rotations.
type Evidence interface {
	// Rotations is the trail of one key, or of all if the name is empty, newest first. A
	// name that neither the config nor the journal has is an error wrapping key.ErrNotFound.
	Rotations(name key.Name) (report.Rotations, error)
	// SafeToRevoke asks the issuer, looks for holders and asks the peers, which may take
	// several seconds. An unknown key is an error wrapping key.ErrNotFound.
	SafeToRevoke(ctx context.Context, name key.Name) (report.Safety, error)
}

type safeRequest struct {
	Name key.Name `json:"name"`
}

func (r safeRequest) check() error {
	if r.Name == "" {
		return &badRequest{"name: which key?"}
	}
	return nil
}

func (s *Server) rotations(r *http.Request) (any, error) {
	return s.o.Daemon.Rotations(key.Name(r.URL.Query().Get("key")))
}

func (s *Server) safeToRevoke(r *http.Request) (any, error) {
	req, err := decode[safeRequest](r.Body)
	if err != nil {
		return nil, err
	}
	s.o.Log.InfoContext(r.Context(), "safe to revoke asked", "key", req.Name, "by", caller(r.Context()))
	return s.o.Daemon.SafeToRevoke(r.Context(), req.Name)
}

// Rotations asks for the evidence of every rotation of name, or of all keys if it is empty.
func (c *Client) Rotations(ctx context.Context, name key.Name) (report.Rotations, error) {
	var all report.Rotations
	path := "/v1/rotations?" + url.Values{"key": {string(name)}}.Encode()
	err := c.call(ctx, http.MethodGet, path, nil, &all)
	return all, err
}

// SafeToRevoke asks whether the previous version of name may be revoked.
func (c *Client) SafeToRevoke(ctx context.Context, name key.Name) (report.Safety, error) {
	var s report.Safety
	err := c.call(ctx, http.MethodPost, "/v1/safe-to-revoke", safeRequest{Name: name}, &s)
	return s, err
}
