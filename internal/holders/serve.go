package holders

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/livekey/livekey/internal/peercred"
)

// askLimit is how long a peer may take to ask, and to take the answer.
const askLimit = 10 * time.Second

// Server looks for one peer, and for nobody else.
type Server struct {
	UID    int // of the peer
	Looker Looker
	Idle   time.Duration // it ends when nobody asked for so long
	Pace   time.Duration // after an answer it waits for so long: who is livekey could have guesses tried on others' environments
	Log    *slog.Logger
}

// Serve answers one request after another until ctx ends or nobody asks any more. l is
// closed then.
func (s Server) Serve(ctx context.Context, l *net.UnixListener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	defer func() { _ = l.Close() }()
	for {
		if err := l.SetDeadline(time.Now().Add(s.Idle)); err != nil && ctx.Err() == nil {
			return fmt.Errorf("wait for a request: %w", err)
		}
		conn, err := l.AcceptUnix()
		switch {
		case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return fmt.Errorf("wait for a request: %w", err)
		}
		if err := s.answer(ctx, conn); err != nil {
			s.Log.WarnContext(ctx, "request not answered", "err", err)
		}
		pause(ctx, s.Pace)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// answer looks once.
func (s Server) answer(ctx context.Context, conn *net.UnixConn) error {
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	switch peer, err := peercred.Of(conn); {
	case err != nil:
		return err
	case int(peer.UID) != s.UID:
		return fmt.Errorf("uid %d asks, and only uid %d may", peer.UID, s.UID)
	}
	_ = conn.SetReadDeadline(time.Now().Add(askLimit)) // fails only of a connection that the read fails of
	w, wipe, err := readQuestion(conn)
	defer wipe()
	if err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	a := answer{Version: wireVersion}
	if a.Scan, err = s.Looker.Look(ctx, w); err != nil {
		a.Error = err.Error()
	}
	_ = conn.SetWriteDeadline(time.Now().Add(askLimit))
	if err := writeJSON(conn, a); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}
