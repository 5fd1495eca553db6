package fakeaws

import (
	"bytes"
	"slices"
	"strings"
	"time"
)

// The labels that Secrets Manager moves by itself.
const (
	Current  = "AWSCURRENT"
	Pending  = "AWSPENDING"
	Previous = "AWSPREVIOUS"
)

// Content is a version's value: text, or bytes.
type Content struct {
	Text   *string
	Binary []byte
}

func (c Content) equal(o Content) bool {
	if c.Text == nil || o.Text == nil {
		return c.Text == o.Text && bytes.Equal(c.Binary, o.Binary)
	}
	return *c.Text == *o.Text
}

// Text is the content of a secret string.
func Text(s string) Content { return Content{Text: &s} }

// stored is one secret.
type stored struct {
	name, arn string
	versions  map[string]*version // by id
	labels    map[string]string   // staging label: id of the version that has it
	deleted   time.Time
}

type version struct {
	id      string
	content Content
	created time.Time
}

// stages are the labels of a version, sorted.
func (s *stored) stages(id string) (all []string) {
	for label, at := range s.labels {
		if at == id {
			all = append(all, label)
		}
	}
	slices.Sort(all)
	return all
}

// move puts a label on a version. AWSPREVIOUS goes where AWSCURRENT was.
func (s *stored) move(label, id string) {
	if old := s.labels[label]; label == Current && old != "" && old != id {
		s.labels[Previous] = old
	}
	s.labels[label] = id
}

// put makes a version, or none if there is one of that id with the same content.
func (s *stored) put(id string, c Content, labels []string) *problem {
	if old := s.versions[id]; old != nil {
		if !old.content.equal(c) {
			return fail("ResourceExistsException", "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", id, s.arn)
		}
		return nil
	}
	s.versions[id] = &version{id: id, content: c, created: time.Now()}
	if len(labels) == 0 {
		labels = []string{Current}
	}
	if s.labels[Current] == "" { // the first version is current, whatever is asked
		labels = append(slices.Clone(labels), Current)
	}
	for _, label := range labels {
		s.move(label, id)
	}
	return nil
}

// restage is UpdateSecretVersionStage: to and from are version ids, "" if left out.
func (s *stored) restage(label, to, from string) *problem {
	at := s.labels[label]
	switch {
	case to != "" && s.versions[to] == nil || from != "" && s.versions[from] == nil:
		return fail("ResourceNotFoundException", "Secrets Manager can't find the specified secret version.")
	case at != "" && at != to && from != at:
		return fail("InvalidParameterException", "The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, "+
			"so you must explicitly reference that version in RemoveFromVersionId.", label, at)
	case to == "" && label == Current:
		return fail("InvalidParameterException", "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.")
	case to == "":
		delete(s.labels, label)
	default:
		s.move(label, to)
	}
	return nil
}

// find is the version that GetSecretValue means.
func (s *stored) find(id, label string) (*version, *problem) {
	if !s.deleted.IsZero() {
		return nil, fail("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
	}
	switch {
	case id != "":
		v := s.versions[id]
		if v == nil {
			return nil, fail("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: %s", id)
		}
		if label != "" && s.labels[label] != id {
			return nil, fail("InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId.")
		}
		return v, nil
	case label == "":
		label = Current
	}
	v := s.versions[s.labels[label]]
	if v == nil {
		return nil, fail("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: %s", label)
	}
	return v, nil
}

// lookup finds a secret by its name or ARN, which may lack its suffix; the caller holds mu.
func (s *Server) lookup(id string) (*stored, *problem) {
	if found := s.secrets[id]; found != nil {
		return found, nil
	}
	for _, found := range s.secrets {
		if found.arn == id || strings.HasPrefix(id, "arn:") && found.arn[:len(found.arn)-7] == id {
			return found, nil
		}
	}
	return nil, fail("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

// Put makes a new version of a secret, which is made if it is not there, and returns its
// id. Without labels it is the current one.
func (s *Server) Put(name string, c Content, labels ...string) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id = requestID()
	_ = s.create(name).put(id, c, labels)
	return id
}

// create returns the secret of a name; the caller holds mu.
func (s *Server) create(name string) *stored {
	if s.secrets[name] == nil {
		s.secrets[name] = &stored{
			name: name, arn: "arn:aws:secretsmanager:" + s.region + ":" + Account + ":secret:" + name + "-" + random(6),
			versions: map[string]*version{}, labels: map[string]string{},
		}
	}
	return s.secrets[name]
}

// ARN is the ARN of a secret.
func (s *Server) ARN(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.secrets[name].arn
}

// Promote makes the pending version current, as the last step of a rotation does.
func (s *Server) Promote(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.secrets[name]
	found.move(Current, found.labels[Pending])
	delete(found.labels, Pending)
}

// Delete marks a secret for deletion, or takes it away at once.
func (s *Server) Delete(name string, force bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if force {
		delete(s.secrets, name)
		return
	}
	s.secrets[name].deleted = time.Now()
}
