package catalog

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/validator"
)

// call is a request of a file, its templates read.
type call struct {
	method  string
	url     template // what follows {{base_url}}
	headers map[string]template
	body    string
	sign    *signature // nil: the value is in a header
	parts   []string
	missing []string // parts that a key may lack
}

func newCall(f *file, r *request) *call {
	c := &call{method: r.Method, body: r.Body, headers: map[string]template{}, sign: newSignature(r.Sign), parts: f.parts(), missing: f.Optional}
	u, _ := parseTemplate(r.URL)
	c.url = u[1:]
	for name, text := range r.Headers {
		c.headers[http.CanonicalHeaderKey(name)], _ = parseTemplate(text)
	}
	return c
}

var errUnsendable = errors.New("the value cannot be sent byte for byte in a header: it is empty, or has a line break, " +
	"a control character, or a blank at its beginning or end")

// build makes the request. base and params come from the config, values from the
// key, nil for a part that it has not; a value that would not arrive exactly as it
// is, is an error.
func (c *call) build(ctx context.Context, base string, params map[string]string, signers map[string]validator.Signer, values func(key.Part) []byte) (*http.Request, error) {
	for _, part := range c.parts {
		v := values(key.Part(part))
		if v == nil && slices.Contains(c.missing, part) {
			continue
		}
		if len(v) == 0 || !sendable(string(v)) {
			return nil, errUnsendable
		}
	}
	value := func(name string) string {
		if slices.Contains(c.parts, name) {
			return string(values(key.Part(name)))
		}
		return params[name]
	}
	address, ok := c.address(value)
	req, err := http.NewRequestWithContext(ctx, c.method, base+address, strings.NewReader(c.body))
	if err != nil || !ok {
		return nil, errors.New("the address of the call cannot be built from the parameters or the value") // err quotes the URL
	}
	for name, t := range c.headers {
		if text, empty := t.render(value); !empty {
			req.Header[name] = []string{text}
		}
	}
	if c.sign != nil {
		err := c.sign.sign(req, signers[c.sign.by], c.body, func(name string) string { return string(values(key.Part(name))) }, params)
		if err != nil {
			return nil, err
		}
	}
	return req, nil
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
			ok = ok && step != "." && step != ".."
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

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// base is where the live calls of f go: the config's base_url, or the file's own
// with its parameters filled in.
func (f *file) base(own string, params map[string]string) (string, error) {
	t, _ := parseTemplate(f.BaseURL)
	if own != "" {
		return ownBase(own, f.BaseURL)
	}
	for _, name := range t.names() {
		if !dnsLabel.MatchString(params[name]) {
			return "", fmt.Errorf("with.%s: must be one DNS label, because it is part of the host", name)
		}
	}
	s, _ := t.render(func(name string) string { return params[name] })
	return strings.TrimSuffix(s, "/"), nil
}

// ownBase is the address that a config names. Without a path, it gets that of the
// file's own.
func ownBase(own, usual string) (string, error) {
	u, err := config.ParseBaseURL(own)
	if err != nil {
		return "", fmt.Errorf("base_url: %w", err)
	}
	u.Host = strings.ToLower(u.Host)
	if strings.Trim(u.Path, "/") == "" {
		if file, err := url.Parse(strings.NewReplacer("{{", "", "}}", "").Replace(usual)); err == nil {
			u.Path = file.Path
		}
	}
	return strings.TrimRight(u.String(), "/"), nil
}
