package fakeissuer

import (
	"bytes"
	"io"
	"net"
	"net/http"
)

const portalPage = "<!DOCTYPE html><html><head><title>Welcome</title></head><body>Please accept the terms of this network.</body></html>\n"

// serve answers as everybody but a healthy issuer does.
func (m Mode) serve(w http.ResponseWriter, r *http.Request) {
	switch m {
	case Overloaded:
		w.Header().Set("Request-Id", "req_overloaded")
		answer(w, 529, map[string]any{
			"type": "error", "error": map[string]any{"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_overloaded",
		})
	case Unavailable:
		w.Header().Set("Retry-After", "1")
		page(w, http.StatusServiceUnavailable)
	case Portal:
		page(w, http.StatusOK)
	case PortalRedirect:
		http.Redirect(w, r, "/portal", http.StatusFound)
	case Firewall:
		page(w, http.StatusForbidden)
	case Garbage:
		_, _ = w.Write([]byte{0, 1, 2, 0xff, 0xfe, '{', '"'})
	case Slow:
		<-r.Context().Done()
	case Reset:
		reset(w)
	case Endless:
		endless(w)
	case Healthy: // answers as the issuer whose key it is
	}
}

func page(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, portalPage)
}

// reset closes the connection so that the client sees a reset, not an end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// endless writes until the client has had enough.
func endless(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	chunk := bytes.Repeat([]byte(`{"object":"list","data":[`), 1024)
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}
