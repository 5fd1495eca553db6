package catalog

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// matches says whether the rule speaks about this answer.
func (r *rule) matches(a *answer) bool {
	if !slices.Contains(r.Status, a.status) {
		return false
	}
	if !r.condition.empty() && !r.holds(a) {
		return false
	}
	return len(r.BodyContains) == 0 || slices.ContainsFunc(r.BodyContains, func(s string) bool {
		return bytes.Contains(a.body, []byte(s))
	})
}

// namesBody says whether the rule looks at more of the answer than a proxy gives
// with a status: a field or text of the body.
func (r *rule) namesBody() bool {
	return len(r.BodyContains) > 0 || r.Path != "" && (r.Exists == nil || *r.Exists)
}

func (c *condition) empty() bool { return c.Header == "" && c.Path == "" }

func (c *condition) holds(a *answer) bool {
	var got any
	var there bool
	if c.Header != "" {
		values := a.header.Values(c.Header)
		if there = len(values) > 0; there {
			got = values[0]
		}
	} else {
		got, there = lookup(a.json, c.Path)
	}
	if c.Exists != nil {
		return there == *c.Exists
	}
	if !there {
		return false
	}
	text, isText := got.(string)
	switch {
	case c.Equals != nil:
		return equal(c.Equals, got)
	case len(c.OneOf) > 0:
		return isText && slices.Contains(c.OneOf, text)
	case c.Contains != "":
		return isText && strings.Contains(text, c.Contains)
	case c.Prefix != "":
		return isText && strings.HasPrefix(text, c.Prefix)
	}
	return true
}

// equal compares what a file says with what JSON or a header has.
func equal(want, got any) bool {
	switch w := want.(type) {
	case int:
		f, ok := got.(float64)
		return ok && f == float64(w)
	case string, bool, float64:
		return want == got
	}
	return false
}

// lookup follows a JSON pointer (RFC 6901). null is nothing.
func lookup(v any, pointer string) (any, bool) {
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, v != nil
}

// read returns the text of a field of a live answer, or "".
func (f field) read(header http.Header, body any) string {
	if f.Header != "" {
		return header.Get(f.Header)
	}
	v, _ := lookup(body, f.Path)
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}
