package admin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/secret"
)

// HolderDaemon is what the socket can ask of a livekey that looks for holders.
type HolderDaemon interface {
	// Glance has somebody look for holders if nobody did for a minute, and waits for it
	// until ctx ends. Status then tells what was seen.
	Glance(ctx context.Context)
	// WhoHas looks now and tells who was seen with which version; an empty name means
	// every key. A pasted value that is not empty narrows that to those who have it. Where
	// nobody may look the error wraps ErrConflict.
	WhoHas(ctx context.Context, name key.Name, pasted secret.Value) (report.WhoHas, error)
}

const (
	// glanceTimeout is how long a status waits for a look.
	glanceTimeout = time.Second
	// maxPasted bounds a pasted value: keys of the longest form, PEM and JSON, have less.
	maxPasted = 32 << 10
)

func (s *Server) whoHas(r *http.Request) (any, error) {
	return s.o.Daemon.WhoHas(r.Context(), key.Name(r.URL.Query().Get("name")), secret.Value{})
}

// whoHasPasted is asked about a value, which is the body as it is: in JSON it would be
// copied on the way. It is wiped when the answer is known.
func (s *Server) whoHasPasted(r *http.Request) (any, error) {
	pasted, wipe, err := ReadPasted(r.Body)
	defer wipe()
	if err != nil {
		return nil, err
	}
	s.o.Log.InfoContext(r.Context(), "who has a pasted value asked", "by", caller(r.Context()))
	return s.o.Daemon.WhoHas(r.Context(), key.Name(r.URL.Query().Get("name")), pasted)
}

// ReadPasted reads a value of at most 32 KiB to its end. wipe makes its bytes zero and is
// never nil.
func ReadPasted(from io.Reader) (v secret.Value, wipe func(), err error) {
	buffer := make([]byte, maxPasted+1) // once, so that growing leaves no copies behind
	wipe = func() { clear(buffer) }
	n, err := io.ReadFull(from, buffer)
	v = secret.New(buffer[:n:n])
	switch {
	case n > maxPasted:
		return secret.Value{}, wipe, &badRequest{fmt.Sprintf("a value has at most %d bytes", maxPasted)}
	case n == 0:
		return secret.Value{}, wipe, &badRequest{"no value was given"}
	case err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
		return secret.Value{}, wipe, fmt.Errorf("read value: %w", err)
	}
	return v, wipe, nil
}

// WhoHas asks who was seen with which version; an empty name means every key. A pasted
// value that is not empty narrows that to those who have it.
func (c *Client) WhoHas(ctx context.Context, name key.Name, pasted secret.Value) (report.WhoHas, error) {
	var w report.WhoHas
	path := "/v1/who-has?" + url.Values{"name": {string(name)}}.Encode()
	var err error
	if pasted.Len() == 0 {
		err = c.call(ctx, http.MethodGet, path, nil, &w)
	} else {
		err = c.call(ctx, http.MethodPost, path, pasted, &w)
	}
	return w, err
}
