package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/peercred"
)

// Header must be "1" on every request to /v1/. A browser cannot set it on a
// request to another site without asking first, and nobody answers that question.
const Header = "X-Livekey"

func (s *Server) socketHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", s.ready)
	s.everywhere(mux)
	v1 := func(pattern string, h func(*http.Request) (any, error)) {
		mux.Handle(pattern, s.answer(h))
	}
	v1("GET /v1/status", s.status)
	v1("GET /v1/who-has", s.whoHas)
	v1("POST /v1/who-has", s.whoHasPasted)
	v1("GET /v1/ready", s.readiness)
	v1("POST /v1/refresh", s.refresh)
	v1("POST /v1/approve", s.approve)
	v1("POST /v1/pause", s.pause)
	v1("POST /v1/resume", s.resume)
	v1("GET /v1/rotations", s.rotations)
	v1("POST /v1/safe-to-revoke", s.safeToRevoke)
	s.reports(mux)
	return guard(mux)
}

// everywhere are the routes that stand on the socket and over TCP.
func (s *Server) everywhere(mux *http.ServeMux) {
	mux.HandleFunc("GET /live", s.live)
	if s.o.Metrics != nil {
		mux.Handle("GET /metrics", s.o.Metrics)
	}
}

// healthHandler is what TCP sees: two words about the daemon, and its metrics.
func (s *Server) healthHandler(address string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", s.readyOrNot)
	s.everywhere(mux)
	return guard(checkHost(address, mux))
}

// guard refuses what a web page could have sent.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case len(r.Header["Origin"]) > 0:
			refuse(w, http.StatusForbidden, "requests of web pages (Origin) are refused")
		case strings.HasPrefix(r.URL.Path, "/v1/") && r.Header.Get(Header) != "1":
			refuse(w, http.StatusForbidden, "the header "+Header+": 1 is missing")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// checkHost refuses a name that somebody pointed at us: an address, localhost
// and the configured host are served.
func checkHost(configured string, next http.Handler) http.Handler {
	own, _, _ := net.SplitHostPort(configured)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		host = strings.Trim(host, "[]")
		if host != "localhost" && host != own && net.ParseIP(host) == nil {
			refuse(w, http.StatusForbidden, "unknown Host")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// live says that the process moves. It asks no backend and no issuer.
func (s *Server) live(w http.ResponseWriter, _ *http.Request) {
	if s.o.Alive != nil {
		if err := s.o.Alive(); err != nil {
			refuse(w, http.StatusServiceUnavailable, err.Error())
			return
		}
	}
	write(w, http.StatusOK, struct{}{})
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	missing, err := s.o.Daemon.Ready(nil)
	if errors.Is(err, ErrStandby) {
		write(w, http.StatusOK, readyAnswer{Ready: true, Standby: true})
		return
	}
	if err != nil {
		refuse(w, statusOf(err), err.Error())
		return
	}
	status := http.StatusOK
	if len(missing) > 0 {
		status = http.StatusServiceUnavailable
	}
	write(w, status, readyAnswer{Ready: len(missing) == 0, Missing: missing})
}

// readyOrNot is ready for everybody who reaches a TCP port: yes or no.
func (s *Server) readyOrNot(w http.ResponseWriter, _ *http.Request) {
	status := http.StatusOK
	missing, err := s.o.Daemon.Ready(nil)
	standby := errors.Is(err, ErrStandby)
	if err != nil && !standby || len(missing) > 0 {
		status = http.StatusServiceUnavailable
	}
	write(w, status, readyAnswer{Ready: status == http.StatusOK, Standby: standby})
}

// answer runs h within its budget and writes what it returns as JSON, nil as 204.
func (s *Server) answer(h func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), workTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		switch got, err := h(r); {
		case err != nil:
			refuse(w, statusOf(err), err.Error())
		case got == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			write(w, http.StatusOK, got)
		}
	})
}

func (s *Server) status(r *http.Request) (any, error) {
	ctx, cancel := context.WithTimeout(r.Context(), glanceTimeout)
	defer cancel()
	s.o.Daemon.Glance(ctx)
	return s.o.Daemon.Status(), nil
}

func (s *Server) readiness(r *http.Request) (any, error) {
	missing, err := s.o.Daemon.Ready(r.URL.Query()["sink"])
	if err != nil {
		return nil, err
	}
	return readyAnswer{Ready: len(missing) == 0, Missing: missing}, nil
}

func (s *Server) refresh(r *http.Request) (any, error) {
	req, err := decode[refreshRequest](r.Body)
	if err != nil {
		return nil, err
	}
	s.o.Log.InfoContext(r.Context(), "refresh asked", "keys", req.Names, "by", caller(r.Context()))
	return nil, s.o.Daemon.Refresh(r.Context(), req.Names)
}

func (s *Server) approve(r *http.Request) (any, error) {
	req, err := decode[approveRequest](r.Body)
	if err != nil {
		return nil, err
	}
	by := Approval{By: caller(r.Context()), Reason: req.Reason}
	p, _ := r.Context().Value(peerKey{}).(peercred.Cred)
	s.o.Log.InfoContext(r.Context(), "approval asked",
		"key", req.Name, "version", req.Version, "by", by.By, "uid", p.UID, "pid", p.PID, "reason", by.Reason)
	return nil, s.o.Daemon.Approve(r.Context(), req.Name, req.Version, by)
}

func (s *Server) pause(r *http.Request) (any, error) {
	req, err := decode[pauseRequest](r.Body)
	if err != nil {
		return nil, err
	}
	until := time.Now().Add(time.Duration(req.For))
	s.o.Log.InfoContext(r.Context(), "pause asked",
		"key", req.Name, "until", until, "reason", req.Reason, "by", caller(r.Context()))
	return nil, s.o.Daemon.Pause(req.Name, until, req.Reason)
}

func (s *Server) resume(r *http.Request) (any, error) {
	req, err := decode[resumeRequest](r.Body)
	if err != nil {
		return nil, err
	}
	s.o.Log.InfoContext(r.Context(), "resume asked", "key", req.Name, "by", caller(r.Context()))
	return nil, s.o.Daemon.Resume(req.Name)
}

func statusOf(err error) int {
	var tooLong *http.MaxBytesError
	var bad *badRequest
	switch {
	case errors.As(err, &tooLong):
		return http.StatusRequestEntityTooLarge
	case errors.As(err, &bad):
		return http.StatusBadRequest
	case errors.Is(err, key.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, ErrConflict):
		return http.StatusConflict
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}

func refuse(w http.ResponseWriter, status int, why string) {
	write(w, status, errorAnswer{Error: why})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a peer that hung up has no use for an error
}
