package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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

// Options says whom a Server asks.
type Options struct {
	Daemon Daemon
	Log    *slog.Logger
	// Alive is nil while the engine moves on. It depends on no backend and no
	// issuer. A nil func means that answering is proof enough.
	Alive func() error
	// Metrics answers /metrics; nil: nobody does.
	Metrics http.Handler
}

// Server answers at one address: on the socket everything, on the one for reports those
// alone, over TCP /live, /ready and /metrics.
type Server struct {
	o       Options
	l       net.Listener
	handler http.Handler
	public  bool        // every user of the machine may connect
	socket  string      // its path; empty: TCP
	own     os.FileInfo // the socket as we made it
}

// Listen takes the socket. An error wraps ErrInUse if another daemon answers there.
// ctx bounds Listen alone, not what it returns.
func Listen(ctx context.Context, socket string, o Options) (*Server, error) {
	s, err := listenUnix(ctx, socket, socketMode, o)
	if err != nil {
		return nil, err
	}
	s.l, s.handler = limit(s.l), s.socketHandler()
	return s, nil
}

// ListenReports is Listen for the socket on which consumers report, and nothing else.
func ListenReports(ctx context.Context, socket string, o Options) (*Server, error) {
	s, err := listenUnix(ctx, socket, reportMode, o)
	if err != nil {
		return nil, err
	}
	s.l, s.handler, s.public = limitUsers(limit(s.l)), s.reportHandler(), true
	return s, nil
}

func listenUnix(ctx context.Context, socket string, mode fs.FileMode, o Options) (*Server, error) {
	l, err := listen(ctx, socket, mode)
	if err != nil {
		return nil, err
	}
	s := &Server{o: o, l: l, socket: socket}
	if s.own, err = os.Lstat(socket); err != nil {
		return nil, errors.Join(fmt.Errorf("look at socket: %w", err), l.Close())
	}
	return s, nil
}

// ListenTCP takes a TCP address, for those who look at the daemon's health.
func ListenTCP(ctx context.Context, address string, o Options) (*Server, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on metrics address: %w", err)
	}
	s := &Server{o: o, l: limit(l)}
	s.handler = s.healthHandler(address)
	return s, nil
}

// Serve answers until ctx ends, gives requests under way a few seconds, and
// takes the socket away. It returns nil unless listening broke.
func (s *Server) Serve(ctx context.Context) error {
	defer func() { _ = s.Close() }()
	g, gctx := errgroup.WithContext(ctx)
	s.serve(gctx, g)
	return g.Wait()
}

func (s *Server) serve(ctx context.Context, g *errgroup.Group) {
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      workTimeout + readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withPeer,
	}
	srv.SetKeepAlivesEnabled(!s.public) // a connection that says nothing ends soon
	g.Go(func() error {
		if err := srv.Serve(s.l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %s: %w", s.l.Addr().Network(), err)
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

// Close gives up an address that Serve never answered at. It leaves no socket file
// behind, and never takes away a successor's.
func (s *Server) Close() error {
	if now, err := os.Lstat(s.socket); s.own != nil && err == nil && os.SameFile(now, s.own) {
		_ = os.Remove(s.socket)
	}
	if err := s.l.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
