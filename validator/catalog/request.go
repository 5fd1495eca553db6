package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/validator"
)

// call is a request of a file, its templates read.
type call struct {
	method  string
	url     template // what follows {{base_url}}
	headers map[string]template
	body    template
	escape  func(string) string // of what fills the body
	sign    *signature          // nil: the value is in a header
	parts   []string
	missing []string // parts that a key may lack
	lines   bool     // values have line breaks, and code that signs sees to what is sent
	derived map[string]derived
}

func newCall(f *file, r *request) *call {
	c := &call{
		method: r.Method, headers: map[string]template{}, sign: newSignature(r.Sign),
		parts: f.parts(), missing: f.Optional, derived: f.Derived, escape: r.escape(), lines: f.ofLines(),
	}
	u, _ := parseTemplate(r.URL)
	c.url = u[1:]
	c.body, _ = parseTemplate(r.Body)
	for name, text := range r.Headers {
		c.headers[http.CanonicalHeaderKey(name)], _ = parseTemplate(text)
	}
	return c
}

// escape is how a text is written in a body of this request's Content-Type; nil if
// nothing may fill it.
func (r *request) escape() func(string) string {
	for name, text := range r.Headers {
		if !strings.EqualFold(name, "Content-Type") {
			continue
		}
		switch kind, _, _ := strings.Cut(text, ";"); strings.TrimSpace(kind) {
		case "application/json":
			return func(s string) string {
				quoted, _ := json.Marshal(s) // a string is always JSON
				return string(quoted[1 : len(quoted)-1])
			}
		case "application/x-www-form-urlencoded":
			return url.QueryEscape
		}
	}
	return nil
}

// ofLines says whether values have line breaks.
func (f *file) ofLines() bool { return f.Form == "json" || f.Form == "pem" }

// filling is what a request of one key is made of.
type filling struct {
	params  map[string]string
	signers map[string]validator.Signer
	values  func(key.Part) []byte // nil for a part that the key has not
}

// text is what stands for a name: a part, what is derived from one, or a parameter.
func (c *call) text(in filling, name string) string {
	if slices.Contains(c.parts, name) {
		return string(in.values(key.Part(name)))
	}
	if d, ok := c.derived[name]; ok {
		return d.cut(string(in.values(key.Part(d.Part))))
	}
	return in.params[name]
}

var (
	errUnsendable = errors.New("the value cannot be sent byte for byte in a header: it is empty, or has a line break, " +
		"a control character, or a blank at its beginning or end")
	errNotText = errors.New("the value cannot be sent byte for byte: it is no text in UTF-8")
)

// build makes the request to base. A value that would not arrive exactly as it is, is
// an error.
func (c *call) build(ctx context.Context, base string, in filling) (*http.Request, error) {
	for _, part := range c.parts {
		v := in.values(key.Part(part))
		if v == nil && slices.Contains(c.missing, part) {
			continue
		}
		if len(v) == 0 || !c.lines && !sendable(string(v)) {
			return nil, errUnsendable
		}
		if slices.Contains(c.body.names(), part) && !utf8.Valid(v) {
			return nil, errNotText
		}
	}
	value := func(name string) string { return c.text(in, name) }
	address, ok := c.address(value)
	body := c.render(value)
	req, err := http.NewRequestWithContext(ctx, c.method, base+address, strings.NewReader(body))
	if err != nil || !ok {
		return nil, errors.New("the address of the call cannot be built from the parameters or the value") // err quotes the URL
	}
	for name, t := range c.headers {
		if text, empty := t.render(value); !empty {
			req.Header[name] = []string{text}
		}
	}
	if c.sign != nil {
		err := c.sign.sign(req, in.signers[c.sign.by], body, func(name string) string { return string(in.values(key.Part(name))) }, in.params)
		if err != nil {
			return nil, err
		}
	}
	return req, nil
}

// render is the body, with what fills it escaped.
func (c *call) render(value func(string) string) string {
	body, _ := c.body.render(func(name string) string { return c.escape(value(name)) })
	return body
}

// address is the path and query, with what fills them escaped. It is not ok if a step
// of the path would be one up or none, which no escape keeps.
func (c *call) address(value func(string) string) (text string, ok bool) {
	ok = true
	inQuery := false
	var b strings.Builder
	for _, p := range c.url {
		inQuery = inQuery || strings.Contains(p.literal, "?")
		switch {
		case p.name == "":
			b.WriteString(p.literal)
		case inQuery:
			b.WriteString(url.QueryEscape(value(p.name)))
		default:
			step := value(p.name)
			_, derived := c.derived[p.name]
			ok = ok && step != "." && step != ".." && (!derived || step != "")
			b.WriteString(url.PathEscape(step))
		}
	}
	return b.String(), ok
}

// sendable says whether a header carries s exactly: net/http refuses control
// characters, and cuts blanks off the ends without a word.
func sendable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return strings.Trim(s, " ") == s
}
