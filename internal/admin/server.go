package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// Budgets of one request. A refresh or an approval asks sources and issuers, so
// an answer may take its time; a request may not.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	workTimeout   = 2 * time.Minute
	idleTimeout   = 30 * time.Second
	drainTimeout  = 5 * time.Second
	maxHeader     = 16 << 10
	maxBody       = 64 << 10
)

// Options says where the desk stands and whom it asks.
type Options struct {
	Socket string
	// Health is a TCP address that answers /live and /ready only; empty: nothing
	// listens on TCP.
	Health string
	Daemon Daemon
	Log    *slog.Logger
	// Alive is nil while the engine moves on. It depends on no backend and no
	// issuer. A nil func means that answering is proof enough.
	Alive func() error
}

// Server answers on the socket.
type Server struct {
	o      Options
	socket *net.UnixListener
	own    os.FileInfo // the socket as we made it
	health net.Listener
}

// Listen takes the socket, and the health address if there is one. An error
// wraps ErrInUse if another daemon answers there. ctx bounds Listen alone, not
// what it returns.
func Listen(ctx context.Context, o Options) (*Server, error) {
	l, err := listen(ctx, o.Socket)
	if err != nil {
		return nil, err
	}
	s := &Server{o: o, socket: l}
	if s.own, err = os.Lstat(o.Socket); err != nil {
		return nil, errors.Join(fmt.Errorf("look at socket: %w", err), l.Close())
	}
	if o.Health == "" {
		return s, nil
	}
	var lc net.ListenConfig
	if s.health, err = lc.Listen(ctx, "tcp", o.Health); err != nil {
		return nil, errors.Join(fmt.Errorf("listen on metrics address: %w", err), s.close())
	}
	return s, nil
}

// Serve answers until ctx ends, gives requests under way a few seconds, and
// takes the socket away. It returns nil unless listening broke.
func (s *Server) Serve(ctx context.Context) error {
	defer func() { _ = s.close() }()
	g, gctx := errgroup.WithContext(ctx)
	s.serve(gctx, g, s.socket, s.socketHandler())
	if s.health != nil {
		s.serve(gctx, g, s.health, s.healthHandler())
	}
	return g.Wait()
}

func (s *Server) serve(ctx context.Context, g *errgroup.Group, l net.Listener, h http.Handler) {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      workTimeout + readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withPeer,
	}
	g.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %s: %w", l.Addr().Network(), err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if srv.Shutdown(drain) != nil {
			_ = srv.Close() // whoever still waits has had its time
		}
		return nil
	})
}

// close leaves no socket file behind, and never takes away a successor's.
func (s *Server) close() error {
	if now, err := os.Lstat(s.o.Socket); err == nil && os.SameFile(now, s.own) {
		_ = os.Remove(s.o.Socket)
	}
	err := s.socket.Close()
	if s.health != nil {
		err = errors.Join(err, s.health.Close())
	}
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
