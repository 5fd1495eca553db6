package fakekube

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
)

// plainPath is where Leases and Events of the namespace are. They are made, read and replaced
// whole, with their resourceVersion.
var plainPath = regexp.MustCompile(`^/(?:apis/coordination\.k8s\.io/v1|api/v1)/namespaces/` + Namespace + `/(leases|events)(?:/([^/]+))?$`)

// Plain is a Lease or an Event as JSON has it, nil if it is not there.
func (s *Server) Plain(kind, name string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plain[kind+"/"+name]
}

// Written are all Leases or Events in the order in which they were made and replaced.
func (s *Server) Written(kind string) []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written[kind]
}

func (s *Server) servePlain(w http.ResponseWriter, r *http.Request, kind, name string) {
	verb := map[string]string{http.MethodGet: "get", http.MethodPost: "create", http.MethodPut: "update"}[r.Method]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[verb]++
	var sent map[string]any
	if verb != "get" {
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			refuse(w, http.StatusBadRequest, "BadRequest", "error decoding", nil)
			return
		}
	}
	meta, _ := sent["metadata"].(map[string]any)
	if verb == "create" {
		name, _ = meta["name"].(string)
	}
	old := s.plain[kind+"/"+name]
	switch {
	case s.token != "" && r.Header.Get("Authorization") != "Bearer "+s.token:
		refuse(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized", nil)
	case s.forbids[verb]:
		refuse(w, http.StatusForbidden, "Forbidden", kind+" is forbidden", details(kind, name))
	case name == "" || verb == "":
		refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "not here", nil)
	case verb == "create" && old != nil:
		refuse(w, http.StatusConflict, "AlreadyExists", fmt.Sprintf("%s %q already exists", kind, name), details(kind, name))
	case verb != "create" && old == nil:
		refuse(w, http.StatusNotFound, "NotFound", fmt.Sprintf("%s %q not found", kind, name), details(kind, name))
	case verb == "update" && meta["resourceVersion"] != old["metadata"].(map[string]any)["resourceVersion"]:
		refuse(w, http.StatusConflict, "Conflict", "the object has been modified", details(kind, name))
	case verb == "get":
		_ = json.NewEncoder(w).Encode(old)
	default:
		s.version++
		meta["resourceVersion"] = strconv.Itoa(s.version)
		if meta["uid"] = "uid-" + strconv.Itoa(s.version); old != nil {
			meta["uid"] = old["metadata"].(map[string]any)["uid"]
		}
		s.plain[kind+"/"+name] = sent
		s.written[kind] = append(s.written[kind], sent)
		_ = json.NewEncoder(w).Encode(sent)
	}
}
