package normalize

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
)

// open takes the value that ref means out of the record.
func open(record secret.Value, ref key.Ref, form Form) (secret.Value, *Fault) {
	format := formatOf(ref)
	if format != "plain" && byteOrderMark(view{all: record.Reveal()}) != none {
		fault := Fault{Name: ByteOrderMark, Detail: "the record " + bomDetail}.place(nil, 0)
		return secret.Value{}, &fault
	}
	switch {
	case format == "env":
		return variable(record.Reveal(), ref.Field)
	case format == "json":
		return field(record, ref.Field, form)
	case format == "plain" && ref.Field == "":
		return record, nil
	default:
		return secret.Value{}, &Fault{
			Name:   UnknownFormat,
			Detail: fmt.Sprintf("format=%s does not fit %s: it is plain without a field, json, or env with the name of a variable", format, ref),
		}
	}
}

// formatOf is the format that ref states. Without one, a field implies JSON.
func formatOf(ref key.Ref) string {
	if stated, ok := sources.Params(ref.Location)[sources.FormatParam]; ok {
		return stated
	}
	if ref.Field != "" {
		return "json"
	}
	return "plain"
}

// field takes a field out of a JSON record: an object's member by name, or
// anything by pointer.
func field(record secret.Value, name string, form Form) (secret.Value, *Fault) {
	text := record.Reveal()
	root, fault := parseJSON(text)
	if fault != nil {
		return secret.Value{}, fault
	}
	if name == "" {
		return record, nil // format=json without a field: the record, known to be JSON
	}
	path, fault := pointer(name)
	if fault != nil {
		return secret.Value{}, fault
	}
	at := root
	for i, step := range path {
		if at, fault = at.child(step, name, i); fault != nil {
			fault := fault.place(text, fault.Offset)
			return secret.Value{}, &fault
		}
	}
	switch {
	case at.kind == stringNode:
		value, bad := unescape(text[at.start+1 : at.end-1])
		if bad >= 0 {
			fault := Fault{Name: NotJSON, Detail: fmt.Sprintf("field %q has half of a surrogate pair, which stands for no character: store the value again", name)}.place(text, at.start+1+bad)
			return secret.Value{}, &fault
		}
		return secret.New(value), nil
	case at.kind == objectNode && form == JSON:
		return secret.New(bytes.Clone(text[at.start:at.end])), nil
	}
	if len(at.members) == 1 && at.members[0].name == "base64" { // as a Secret of Kubernetes has what is no text
		wrong := Fault{
			Name:   NotAString,
			Detail: fmt.Sprintf("field %q is no UTF-8 text, and comes in base64: write #/%s/base64 in from:, and `format: base64` for the key", name, strings.Join(path, "/")),
		}.place(text, at.start)
		return secret.Value{}, &wrong
	}
	wrong := Fault{
		Name:   NotAString,
		Detail: fmt.Sprintf("field %q is %s, not a string: store the value in quotes, since its exact bytes are what counts", name, at.kind),
	}.place(text, at.start)
	return secret.Value{}, &wrong
}

// pointer is the path that a field's name means: RFC 6901 where it begins with "/".
func pointer(name string) ([]string, *Fault) {
	if !strings.HasPrefix(name, "/") {
		return []string{name}, nil
	}
	path := strings.Split(name[1:], "/")
	for i, step := range path {
		rest := strings.NewReplacer("~0", "", "~1", "").Replace(step)
		if strings.Contains(rest, "~") {
			return nil, &Fault{Name: MissingField, Detail: fmt.Sprintf("%q is no JSON pointer: write ~0 for ~ and ~1 for / inside a name", name)}
		}
		path[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
	}
	return path, nil
}

// child goes one step of the path that name means, the step with number i.
func (n node) child(step, name string, i int) (node, *Fault) {
	missing := Fault{Name: MissingField, Offset: n.start}
	switch n.kind {
	case objectNode:
		var found []node
		var names []string
		for _, m := range n.members {
			names = append(names, m.name)
			if m.name == step {
				found = append(found, m.value)
			}
		}
		switch len(found) {
		case 1:
			return found[0], nil
		case 0:
			missing.Detail = fmt.Sprintf("the record has no field %q", name)
			if near := nearest(step, names); near != "" {
				missing.Detail += fmt.Sprintf(", but %q", near)
			}
			missing.Detail += ": name a field that the record has after # in from:"
			return node{}, &missing
		default:
			return node{}, &Fault{
				Name: DuplicateField, Offset: found[1].start,
				Detail: fmt.Sprintf("field %q is there %d times, and readers disagree which one counts: keep one", name, len(found)),
			}
		}
	case arrayNode:
		at, err := strconv.Atoi(step)
		if err == nil && at >= 0 && at < len(n.elements) && strconv.Itoa(at) == step {
			return n.elements[at], nil
		}
		missing.Detail = fmt.Sprintf("step %d of %q is no index into a list of %d: count from 0", i+1, name, len(n.elements))
	default:
		missing.Detail = fmt.Sprintf("step %d of %q goes into %s, which has no fields: correct the field after # in from:", i+1, name, n.kind)
	}
	return node{}, &missing
}
