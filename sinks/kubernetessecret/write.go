package kubernetessecret

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/kube"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/internal/place"
)

// Write makes entries those that livekey owns of the Secret, in one request, unless they are
// already. Its error is nil whenever the Secret has them.
func (s *Sink) Write(ctx context.Context, entries []sinks.Entry) (changed bool, err error) {
	return place.Write(ctx, s.env.Name, entries, s.Carries, func(d place.Delivery) (bool, error) { return s.deliver(ctx, d) })
}

func (s *Sink) deliver(ctx context.Context, d place.Delivery) (changed bool, err error) {
	size := 0
	for _, v := range d.Values {
		size += v.Len()
	}
	if size > maxSize {
		return false, fmt.Errorf("the values have %d bytes together, and a Secret may have 1 MiB: use two sinks", size)
	}
	path, namespace, err := s.object()
	if err != nil {
		return false, err
	}
	p, err := s.look(ctx, path)
	if err != nil {
		return false, err
	}
	switch err := s.fits(p); {
	case err != nil:
		return false, err
	case s.settled(p, d):
		return false, nil
	case p.Immutable:
		return false, fmt.Errorf("%s is immutable: delete it, and livekey makes it anew, or give the sink another name", s.Path())
	}
	body, err := s.body(namespace, d.Values)
	if err != nil {
		return false, err
	}
	defer clear(body)
	err = s.client.Apply(ctx, path, Manager, s.Adopt, body)
	if refused, ok := errors.AsType[*kube.Error](err); ok && !errors.Is(refused, kube.ErrBusy) {
		return false, s.explain(err)
	}
	// An answer that did not come does not mean that nothing changed, nor its coming that all
	// went well: what is read counts.
	return s.readBack(ctx, path, d, err)
}

func (s *Sink) readBack(ctx context.Context, path string, d place.Delivery, writing error) (changed bool, err error) {
	var p present
	for range place.Readings {
		if p, err = s.look(ctx, path); err == nil {
			break
		}
	}
	switch {
	case err != nil:
		return false, errors.Join(writing, err)
	case s.settled(p, d):
		return true, nil
	case writing != nil:
		return false, writing
	}
	return false, fmt.Errorf("read back %s: other values than were written: does a controller write it too?", s.Path())
}

// settled says whether the Secret has exactly the delivery, and what else the config says.
func (s *Sink) settled(p present, d place.Delivery) bool {
	names, marked := p.names()
	return p.exists && marked && slices.Equal(names, slices.Sorted(maps.Keys(d.Values))) && d.Equal(p.values(names)) &&
		has(p.Metadata.Labels, s.Labels) && has(p.Metadata.Annotations, s.Annotations)
}

func has(all, some map[string]string) bool {
	for k, v := range some {
		if w, ok := all[k]; !ok || v != w {
			return false
		}
	}
	return true
}

// body is what livekey applies: every field that it owns. Without values it owns none.
func (s *Sink) body(namespace string, values map[string]secret.Value) ([]byte, error) {
	meta := map[string]any{"name": s.Name, "namespace": namespace}
	object := map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": meta}
	if values == nil {
		return json.Marshal(object)
	}
	annotations := map[string]string{Marker: strings.Join(slices.Sorted(maps.Keys(values)), ",")}
	maps.Copy(annotations, s.Annotations)
	meta["annotations"] = annotations
	if len(s.Labels) > 0 {
		meta["labels"] = s.Labels
	}
	if s.Type != "" {
		object["type"] = s.Type
	}
	head, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	size := len(head) + len(`,"data":{}`)
	for name, v := range values {
		size += len(name) + base64.StdEncoding.EncodedLen(v.Len()) + len(`"":"",`)
	}
	out := make([]byte, 0, size) // never grows: no copy is left behind
	out = append(append(out, head[:len(head)-1]...), `,"data":{`...)
	for i, name := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), name...), `":"`...)
		out = append(base64.StdEncoding.AppendEncode(out, values[name].Reveal()), '"')
	}
	return append(out, "}}"...), nil
}

// manager is how the server names the other owner of a field.
var manager = regexp.MustCompile(`conflict with "([^"]+)"`)

// explain tells of a conflict whose each field is: nothing of livekey's is written then.
func (s *Sink) explain(err error) error {
	refused, ok := errors.AsType[*kube.Error](err)
	if !ok {
		return err
	}
	switch {
	case errors.Is(err, kube.ErrNotFound):
		return fmt.Errorf("%w: make the namespace first, or correct it in the config", err)
	case errors.Is(err, kube.ErrInvalid):
		return fmt.Errorf("%w: the server does not take the Secret's name, type, labels or annotations, or it is immutable", err)
	case !errors.Is(err, kube.ErrConflict) || len(refused.Causes) == 0:
		return err
	}
	var whose []string
	for _, c := range refused.Causes {
		by := "another manager"
		if m := manager.FindStringSubmatch(c.Message); m != nil {
			by = m[1]
		}
		whose = append(whose, strings.TrimPrefix(c.Field, ".data.")+" of "+by)
	}
	slices.Sort(whose)
	return fmt.Errorf("%s has what is %w: %s: take it away there, give the sink a Secret of its own, or set adopt: true to take it over",
		s.Path(), sinks.ErrForeign, strings.Join(whose, ", "))
}
