package fakekube

import (
	"fmt"
	"net/http"
	"strconv"
)

// watch sends what happened to one object since a version, then what happens.
func (s *Server) watch(w http.ResponseWriter, r *http.Request, name string) {
	from, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w).Flush
	send := func(kind string, object []byte) {
		_, _ = fmt.Fprintf(w, "{\"type\":%q,\"object\":%s}\n", kind, object)
	}
	s.mu.Lock()
	switch {
	case from != 0 && from < s.oldest:
		s.mu.Unlock()
		send("ERROR", status(http.StatusGone, "Expired", fmt.Sprintf("too old resource version: %d (%d)", from, s.oldest), nil))
		return
	case from == 0:
		from = s.version
		for i := len(s.log) - 1; i >= 0 && s.objects[name] != nil; i-- {
			if s.log[i].name == name {
				send("ADDED", s.log[i].meta)
				break
			}
		}
		send("BOOKMARK", fmt.Appendf(nil, `{"metadata":{"resourceVersion":"%d"}}`, from))
	}
	s.mu.Unlock()
	for {
		s.mu.Lock()
		changed := s.changed
		for _, e := range s.log {
			if e.version > from && e.name == name {
				send(e.kind, e.meta)
			}
		}
		from = s.version
		s.mu.Unlock()
		_ = flush()
		select {
		case <-r.Context().Done():
			return
		case <-changed:
		}
	}
}
