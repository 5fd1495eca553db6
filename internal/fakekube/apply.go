package fakekube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// applied is what a patch may say.
type applied struct {
	Metadata struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		UID         string            `json:"uid"` // that the object must have
	} `json:"metadata"`
	Type string            `json:"type"`
	Data map[string][]byte `json:"data"`
}

// fields are the leaves of a patch, by their names.
func (a applied) fields() map[string][]byte {
	all := map[string][]byte{}
	for k, v := range a.Data {
		all[".data."+k] = v
	}
	for k, v := range a.Metadata.Labels {
		all[".metadata.labels."+k] = []byte(v)
	}
	for k, v := range a.Metadata.Annotations {
		all[".metadata.annotations."+k] = []byte(v)
	}
	return all
}

// patch is server-side apply.
func (s *Server) patch(w http.ResponseWriter, r *http.Request, name string) {
	var want applied
	if err := json.NewDecoder(r.Body).Decode(&want); err != nil || r.Header.Get("Content-Type") != "application/apply-patch+yaml" {
		refuse(w, http.StatusBadRequest, "BadRequest", "error decoding patch", nil)
		return
	}
	manager, force := r.URL.Query().Get("fieldManager"), r.URL.Query().Get("force") == "true"
	s.mu.Lock()
	defer s.mu.Unlock()
	old, there := s.objects[name]
	o := s.copyOf(old)
	fields := want.fields()
	var causes []map[string]string
	for field, value := range fields {
		others := slices.DeleteFunc(slices.Clone(o.owners[field]), func(m string) bool { return m == manager })
		now, has := o.field(field)
		switch same := has && bytes.Equal(now, value); {
		case len(others) > 0 && !same && !force:
			causes = append(causes, map[string]string{
				"reason": "FieldManagerConflict", "field": field, "message": fmt.Sprintf("conflict with %q using v1", others[0]),
			})
		case !same:
			o.owners[field] = []string{manager}
		default:
			o.owners[field] = append(others, manager)
		}
	}
	for field, by := range o.owners {
		if _, kept := fields[field]; kept || !slices.Contains(by, manager) {
			continue
		}
		if o.owners[field] = slices.DeleteFunc(slices.Clone(by), func(m string) bool { return m == manager }); len(o.owners[field]) == 0 {
			delete(o.owners, field)
			o.set(field, nil)
		}
	}
	for field, value := range fields {
		o.set(field, value)
	}
	size := 0
	for _, v := range o.Data {
		size += len(v)
	}
	switch {
	case want.Metadata.UID != "" && (!there || want.Metadata.UID != old.UID):
		refuse(w, http.StatusConflict, "Conflict", "uid mismatch", details("secrets", name))
		return
	case len(causes) > 0:
		d := details("secrets", name)
		d["causes"] = causes
		refuse(w, http.StatusConflict, "Conflict", fmt.Sprintf("Apply failed with %d conflicts", len(causes)), d)
		return
	case there && (old.Immutable && !sameData(old.Data, o.Data) || want.Type != "" && want.Type != old.Type), size > 1<<20:
		refuse(w, http.StatusUnprocessableEntity, "Invalid", fmt.Sprintf("Secret %q is invalid", name), details("Secret", name))
		return
	}
	if want.Type != "" {
		o.Type = want.Type
	}
	if r.URL.Query().Get("dryRun") == "All" {
		_, _ = w.Write(o.json(name))
		return
	}
	if !there || !bytes.Equal(old.json(name), o.json(name)) {
		s.objects[name] = o
		s.happened(name, map[bool]string{false: "ADDED", true: "MODIFIED"}[there])
	} else {
		old.owners = o.owners
	}
	_, _ = w.Write(o.json(name))
}

// copyOf is a copy to change, or a new one.
func (s *Server) copyOf(old *Object) *Object {
	o := &Object{
		UID: fmt.Sprintf("uid-%d", s.version), Type: "Opaque", Data: map[string][]byte{}, Labels: map[string]string{},
		Annotations: map[string]string{}, owners: map[string][]string{},
	}
	if old == nil {
		return o
	}
	o.UID, o.Type, o.Immutable, o.Version = old.UID, old.Type, old.Immutable, old.Version
	maps.Copy(o.owners, old.owners)
	maps.Copy(o.Data, old.Data)
	maps.Copy(o.Labels, old.Labels)
	maps.Copy(o.Annotations, old.Annotations)
	return o
}

func (o *Object) field(name string) (value []byte, has bool) {
	if k, ok := strings.CutPrefix(name, ".data."); ok {
		value, has = o.Data[k]
		return value, has
	}
	texts, k := o.texts(name)
	text, has := texts[k]
	return []byte(text), has
}

func (o *Object) set(name string, value []byte) {
	if k, ok := strings.CutPrefix(name, ".data."); ok {
		if o.Data[k] = value; value == nil {
			delete(o.Data, k)
		}
		return
	}
	texts, k := o.texts(name)
	if texts[k] = string(value); value == nil {
		delete(texts, k)
	}
}

func (o *Object) texts(name string) (texts map[string]string, key string) {
	if k, ok := strings.CutPrefix(name, ".metadata.labels."); ok {
		return o.Labels, k
	}
	return o.Annotations, strings.TrimPrefix(name, ".metadata.annotations.")
}

func sameData(a, b map[string][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || !bytes.Equal(v, w) {
			return false
		}
	}
	return true
}
