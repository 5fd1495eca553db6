package catalog

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// matches says whether the rule speaks about this answer.
func (r *rule) matches(a *answer) bool {
	if len(r.Status) > 0 && !slices.Contains(r.Status, a.status) {
		return false
	}
	if !r.condition.empty() && !r.holds(a) {
		return false
	}
	for i := range r.And {
		if !r.And[i].holds(a) {
			return false
		}
	}
	if len(r.BodyIs) > 0 && !slices.Contains(r.BodyIs, string(bytes.TrimSpace(a.body))) {
		return false
	}
	return len(r.BodyContains) == 0 || slices.ContainsFunc(r.BodyContains, func(s string) bool {
		return bytes.Contains(a.body, []byte(s))
	})
}

// namesBody says whether the rule looks at more of the answer than a proxy gives
// with a status: a field or text of the body.
func (r *rule) namesBody() bool {
	return len(r.BodyContains)+len(r.BodyIs) > 0 || r.condition.namesBody() || slices.ContainsFunc(r.And, condition.namesBody)
}

func (c condition) namesBody() bool { return c.Path != "" && (c.Exists == nil || *c.Exists) }

func (c *condition) empty() bool { return c.Header == "" && c.Path == "" && c.Fact == "" }

func (c *condition) holds(a *answer) bool {
	got := c.values(a)
	if c.Exists != nil {
		return (len(got) > 0) == *c.Exists
	}
	return slices.ContainsFunc(got, c.accepts)
}

// values are what the answer has there: of a header the first, of a path all.
func (c *condition) values(a *answer) []any {
	switch {
	case c.Fact != "":
		return lookup(a.facts, c.Fact)
	case c.Path != "":
		return lookup(a.json, c.Path)
	}
	var all []any
	for _, v := range a.header.Values(c.Header) {
		all = append(all, v)
	}
	return all[:min(len(all), 1)]
}

// accepts says whether one value is what the condition asks for.
func (c *condition) accepts(got any) bool {
	text, isText := got.(string)
	number, isNumber := numberOf(got)
	switch {
	case c.Equals != nil:
		return equal(c.Equals, got)
	case len(c.OneOf) > 0:
		return isText && slices.Contains(c.OneOf, text)
	case c.Contains != "":
		return isText && strings.Contains(text, c.Contains)
	case c.Prefix != "":
		return isText && strings.HasPrefix(text, c.Prefix)
	case c.AtMost != nil:
		return isNumber && number <= *c.AtMost
	}
	return true
}

// equal compares what a file says with what JSON or a header has.
func equal(want, got any) bool {
	switch w := want.(type) {
	case int64:
		f, ok := numberOf(got)
		return ok && f == float64(w)
	case float64:
		f, ok := numberOf(got)
		return ok && f == w
	case string, bool:
		return want == got
	}
	return false
}

func numberOf(got any) (float64, bool) {
	n, ok := got.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}
