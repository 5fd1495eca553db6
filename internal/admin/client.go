package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/secret"
)

// maxAnswer bounds what the client reads; a status of 5,000 keys has about 5 MB.
const maxAnswer = 64 << 20

// Client asks the daemon behind one socket. Every call is a connection of its
// own. Safe for concurrent use.
type Client struct{ socket string }

// NewClient opens nothing yet.
func NewClient(socket string) *Client { return &Client{socket: socket} }

// DaemonPID is the process that listens on the socket, 0 if nobody can tell.
func (c *Client) DaemonPID(ctx context.Context) int {
	conn, err := (&net.Dialer{Timeout: probeTimeout}).DialContext(ctx, "unix", c.socket)
	if err != nil {
		return 0
	}
	defer func() { _ = conn.Close() }()
	p, _ := peerOf(conn)
	return p.PID
}

// NoDaemonError says that nobody answers on the socket, or that we may not ask.
type NoDaemonError struct {
	Socket string
	Err    error
}

func (e *NoDaemonError) Error() string {
	if errors.Is(e.Err, fs.ErrPermission) {
		return fmt.Sprintf("ask daemon: no permission for socket %s: only the daemon's user and group %s may use it",
			e.Socket, Group)
	}
	return fmt.Sprintf("ask daemon: nobody answers on socket %s: start it with `systemctl start livekey` or `livekey run`",
		e.Socket)
}

func (e *NoDaemonError) Unwrap() error { return e.Err }

// RefusedError is the daemon's own answer: no. It is key.ErrNotFound where the
// daemon knows no such name, and ErrConflict where it cannot do it now.
type RefusedError struct {
	Status int // of HTTP
	Why    string
}

func (e *RefusedError) Error() string { return e.Why }

// Is maps the status back to what the daemon meant.
func (e *RefusedError) Is(target error) bool {
	return target == key.ErrNotFound && e.Status == http.StatusNotFound ||
		target == ErrConflict && e.Status == http.StatusConflict
}

// Status asks for everything that `livekey status` shows.
func (c *Client) Status(ctx context.Context) (report.Status, error) {
	var s report.Status
	err := c.call(ctx, http.MethodGet, "/v1/status", nil, &s)
	return s, err
}

// Ready says what is missing until every required key of the named sinks is
// delivered; no name means all.
func (c *Client) Ready(ctx context.Context, sinks []string) (missing []string, err error) {
	var a readyAnswer
	path := "/v1/ready?" + url.Values{"sink": sinks}.Encode()
	if err := c.call(ctx, http.MethodGet, path, nil, &a); err != nil {
		return nil, err
	}
	return a.Missing, nil
}

// Refresh asks the sources of the named keys now; no name means all.
func (c *Client) Refresh(ctx context.Context, names []key.Name) error {
	return c.call(ctx, http.MethodPost, "/v1/refresh", refreshRequest{Names: names}, nil)
}

// Approve delivers what is held. The daemon learns from the kernel who asks.
func (c *Client) Approve(ctx context.Context, name key.Name, v key.Version, reason string) error {
	return c.call(ctx, http.MethodPost, "/v1/approve", approveRequest{Name: name, Version: v, Reason: reason}, nil)
}

// Pause stops deliveries of name, or of every key if it is empty, for d.
func (c *Client) Pause(ctx context.Context, name key.Name, d time.Duration, reason string) error {
	return c.call(ctx, http.MethodPost, "/v1/pause", pauseRequest{Name: name, For: duration(d), Reason: reason}, nil)
}

// Resume ends a pause.
func (c *Client) Resume(ctx context.Context, name key.Name) error {
	return c.call(ctx, http.MethodPost, "/v1/resume", resumeRequest{Name: name}, nil)
}

func (c *Client) call(ctx context.Context, method, path string, body, into any) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.socket)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &NoDaemonError{Socket: c.socket, Err: err}
	}
	defer func() { _ = conn.Close() }()
	// One request on one connection: closing it is all that cancelling takes.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	status, answer, err := exchange(ctx, conn, method, path, body)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("ask daemon on %s: %w", c.socket, err)
	}
	if status >= http.StatusBadRequest {
		var e errorAnswer
		if json.Unmarshal(answer, &e) != nil || e.Error == "" {
			e.Error = "the daemon answered " + http.StatusText(status)
		}
		return &RefusedError{Status: status, Why: e.Error}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("read answer of daemon on %s: %w", c.socket, err)
	}
	return nil
}

func exchange(ctx context.Context, conn io.ReadWriter, method, path string, body any) (status int, answer []byte, err error) {
	var payload []byte
	switch b := body.(type) {
	case nil:
	case secret.Value: // as it is; it goes to the daemon on this machine alone
		payload = b.Reveal()
	default:
		if payload, err = json.Marshal(body); err != nil {
			return 0, nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://livekey"+path, bytes.NewReader(payload))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set(Header, "1")
	req.Close = true
	if err := req.Write(conn); err != nil {
		return 0, nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, answer, err
}
