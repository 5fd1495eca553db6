// Package fakekube answers for Secrets as the API server of Kubernetes does: reads, watches
// of one object, and server-side apply with owners of fields. Leases and Events are made, read
// and replaced. It is for tests: what it holds
// are made-up values.
package fakekube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Server is one API server with a namespace "prod", empty at first. Safe for concurrent use.
type Server struct {
	mu      sync.Mutex
	token   string          // empty: everybody is let in
	forbids map[string]bool // verbs
	objects map[string]*Object
	log     []event
	version int
	oldest  int           // versions below are forgotten
	changed chan struct{} // closed when something is new
	calls   map[string]int

	plain   map[string]map[string]any   // Leases and Events, by kind and name
	written map[string][]map[string]any // by kind
}

// Namespace is the only one there is.
const Namespace = "prod"

// Object is one Secret.
type Object struct {
	UID         string
	Version     int
	Type        string
	Immutable   bool
	Data        map[string][]byte
	Labels      map[string]string
	Annotations map[string]string
	owners      map[string][]string // field: managers
}

type event struct {
	kind, name string
	version    int
	meta       []byte
}

// New makes one.
func New() *Server {
	return &Server{
		forbids: map[string]bool{}, objects: map[string]*Object{}, changed: make(chan struct{}),
		calls: map[string]int{}, version: 100, plain: map[string]map[string]any{}, written: map[string][]map[string]any{},
	}
}

// Put stores data as the whole of a Secret, by a manager of its own.
func (s *Server) Put(name string, data map[string][]byte, manager string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, there := s.objects[name]
	if !there {
		o = s.copyOf(nil)
		s.objects[name] = o
	}
	o.Data = maps.Clone(data)
	for field, by := range o.owners {
		if by = slices.DeleteFunc(by, func(m string) bool { return m == manager }); len(by) == 0 || strings.HasPrefix(field, ".data.") {
			delete(o.owners, field)
		}
	}
	for key := range data {
		o.owners[".data."+key] = []string{manager}
	}
	s.happened(name, map[bool]string{false: "ADDED", true: "MODIFIED"}[there])
}

// Change does something else to a Secret that is there.
func (s *Server) Change(name string, change func(o *Object)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.objects[name])
	s.happened(name, "MODIFIED")
}

// Delete takes a Secret away.
func (s *Server) Delete(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.happened(name, "DELETED")
	delete(s.objects, name)
}

// Get is a copy of a Secret.
func (s *Server) Get(name string) (o Object, there bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.objects[name]; p != nil {
		o = *p
		o.Data, o.Annotations, o.Labels = maps.Clone(p.Data), maps.Clone(p.Annotations), maps.Clone(p.Labels)
		return o, true
	}
	return Object{}, false
}

// Require has every request carry this token from now on.
func (s *Server) Require(token string) { s.set(func() { s.token = token }) }

// Forbid refuses a verb, or no longer.
func (s *Server) Forbid(verb string, forbidden bool) { s.set(func() { s.forbids[verb] = forbidden }) }

// Forget compacts: no watch can go on from a version before now.
func (s *Server) Forget() { s.set(func() { s.version++; s.oldest = s.version }) }

// Calls is how often a verb was asked for; "watch anew" is to watch from no version on.
func (s *Server) Calls(verb string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[verb]
}

func (s *Server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// happened is called with mu held.
func (s *Server) happened(name, kind string) {
	s.version++
	o := s.objects[name]
	o.Version = s.version
	meta, _ := json.Marshal(map[string]any{
		"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": o.metadata(name),
	})
	s.log = append(s.log, event{kind, name, s.version, meta})
	close(s.changed)
	s.changed = make(chan struct{})
}

func (o *Object) metadata(name string) map[string]any {
	return map[string]any{
		"name": name, "namespace": Namespace, "uid": o.UID, "resourceVersion": strconv.Itoa(o.Version),
		"labels": o.Labels, "annotations": o.Annotations,
	}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if plain := plainPath.FindStringSubmatch(r.URL.Path); plain != nil {
		s.servePlain(w, r, plain[1], plain[2])
		return
	}
	const below = "/api/v1/namespaces/"
	namespace, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, below), "/")
	name, ours := strings.CutPrefix(rest, "secrets")
	name = strings.TrimPrefix(name, "/")
	verb := map[string]string{http.MethodGet: "get", http.MethodPatch: "patch"}[r.Method]
	if r.URL.Query().Get("watch") == "true" {
		verb = "watch"
		name = strings.TrimPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name=")
	}
	s.mu.Lock()
	s.calls[verb]++
	if verb == "watch" && r.URL.Query().Get("resourceVersion") == "" {
		s.calls["watch anew"]++
	}
	token, forbidden := s.token, s.forbids[verb]
	s.mu.Unlock()
	switch {
	case token != "" && r.Header.Get("Authorization") != "Bearer "+token:
		refuse(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized", nil)
	case !ours || !strings.HasPrefix(r.URL.Path, below) || name == "" || verb == "":
		refuse(w, http.StatusNotFound, "NotFound", "the server could not find the requested resource", nil)
	case forbidden:
		refuse(w, http.StatusForbidden, "Forbidden", fmt.Sprintf("secrets %q is forbidden: User \"system:serviceaccount:prod:livekey\" cannot %s "+
			"resource \"secrets\" in API group \"\" in the namespace %q", name, verb, namespace), details("secrets", name))
	case namespace != Namespace && verb == "patch":
		refuse(w, http.StatusNotFound, "NotFound", fmt.Sprintf("namespaces %q not found", namespace), details("namespaces", namespace))
	case verb == "watch":
		s.watch(w, r, name)
	case verb == "patch":
		s.patch(w, r, name)
	default:
		s.get(w, namespace, name)
	}
}

func (s *Server) get(w http.ResponseWriter, namespace, name string) {
	s.mu.Lock()
	o := s.objects[name]
	var body []byte
	if o != nil && namespace == Namespace {
		body = o.json(name)
	}
	s.mu.Unlock()
	if body == nil {
		refuse(w, http.StatusNotFound, "NotFound", fmt.Sprintf("secrets %q not found", name), details("secrets", name))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

func (o *Object) json(name string) []byte {
	body, _ := json.Marshal(map[string]any{
		"kind": "Secret", "apiVersion": "v1", "metadata": o.metadata(name), "type": o.Type, "immutable": o.Immutable, "data": o.Data,
	})
	return body
}

func details(kind, name string) map[string]any { return map[string]any{"kind": kind, "name": name} }

func refuse(w http.ResponseWriter, code int, reason, message string, details map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(status(code, reason, message, details))
}

func status(code int, reason, message string, details map[string]any) []byte {
	var b bytes.Buffer
	_ = json.NewEncoder(&b).Encode(map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message, "details": details,
	})
	return b.Bytes()
}
