package catalog

import (
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/validator/checkertest"
)

// trap is an answer that says nothing about a key, whoever its issuer is.
type trap struct {
	status  int
	headers map[string]string
	body    string
	cut     bool         // the connection ends before the body does
	size    int          // of a body that goes on, in bytes
	blocks  bool         // the body never ends
	want    []key.Reason // none: any
}

const (
	webPage = `<!DOCTYPE html><html><head><title>Sign in</title></head><body>Accept the terms.</body></html>`
	blocked = "Access Denied\nYou don't have permission to access this server.\nReference #18.2f3a1602.1700000000.1a2b3c"
)

var (
	inBetween = []key.Reason{key.Intercepted}
	atFault   = []key.Reason{key.Transient}
	refused   = []key.Reason{key.Unauthenticated, key.Intercepted}
)

// traps are what stands between livekey and every issuer.
var traps = map[string]trap{
	"a web page, 200":                       {status: 200, headers: map[string]string{"Content-Type": "text/html"}, body: webPage, want: inBetween},
	"a web page that says it is JSON, 200":  {status: 200, body: webPage, want: inBetween},
	"a web page, 401":                       {status: 401, headers: map[string]string{"Content-Type": "text/html"}, body: webPage, want: refused},
	"another's JSON, 200":                   {status: 200, body: `{"status":"ok","service":"gateway"}`},
	"another's list, 200":                   {status: 200, body: `[{"name":"portal"}]`},
	"another's JSON, 400":                   {status: 400, body: `{"message":"Bad Request"}`},
	"another's JSON, 401":                   {status: 401, body: `{"message":"Unauthorized"}`},
	"another's envelope, 401":               {status: 401, body: `{"error":{"code":401,"message":"Request had invalid authentication credentials."}}`},
	"another's JSON, 403":                   {status: 403, body: `{"message":"Forbidden"}`},
	"another's JSON, 404":                   {status: 404, body: `{"detail":"Not Found"}`},
	"a proxy that wants to know who, 407":   {status: 407, headers: map[string]string{"Proxy-Authenticate": `Basic realm="proxy"`}, want: inBetween},
	"a proxy that wants to know who, 401":   {status: 401, headers: map[string]string{"WWW-Authenticate": `Basic realm="Corporate Proxy"`}, want: inBetween},
	"a proxy's mark beside any answer, 403": {status: 403, headers: map[string]string{"X-Squid-Error": "ERR_ACCESS_DENIED 0"}, want: inBetween},
	"a firewall's text, 403":                {status: 403, headers: map[string]string{"Content-Type": "text/plain"}, body: "error code: 1020"},
	"a firewall's long text, 403":           {status: 403, headers: map[string]string{"Content-Type": "text/plain"}, body: blocked},
	"a firewall's rate limit, 429":          {status: 429, headers: map[string]string{"Content-Type": "text/plain"}, body: "error code: 1015"},
	"a gateway's rate limit, 429":           {status: 429, body: `{"code":429,"status":429,"message":"Too Many Requests","msg":"Too many requests","error":"too many requests"}`},
	"a firewall's JSON, 403":                {status: 403, body: `{"error":"Request blocked by policy"}`},
	"a gateway's JSON, 403":                 {status: 403, body: `{"code":403,"error":"Forbidden","message":"Forbidden"}`},
	"a gateway's word of RFC 6750, 401":     {status: 401, body: `{"error":"invalid_token","error_description":"Token is expired"}`},
	"a redirect on the same host":           {status: 302, headers: map[string]string{"Location": "/elsewhere"}, want: inBetween},
	"a redirect to another host":            {status: 307, headers: map[string]string{"Location": "https://elsewhere.example/"}, want: inBetween},
	"a redirect for ever":                   {status: 308, headers: map[string]string{"Location": "//elsewhere.example/"}, want: inBetween},
	"an error of the issuer's, 500":         {status: 500, body: `{"error":"internal"}`, want: atFault},
	"an error in front of the issuer, 502":  {status: 502, headers: map[string]string{"Content-Type": "text/html"}, body: webPage, want: atFault},
	"overloaded, 529":                       {status: 529, body: `{"error":{"type":"overloaded_error"}}`, want: atFault},
	"nothing, 200":                          {status: 200},
	"nothing, 204":                          {status: 204},
	"nothing, 400":                          {status: 400},
	"nothing, 401":                          {status: 401},
	"nothing, 403":                          {status: 403},
	"nothing, 404":                          {status: 404},
	"half an answer, 200":                   {status: 200, body: `{"id":"1","data":[{"id":`, cut: true, want: atFault},
	"half an answer, 401":                   {status: 401, body: `{"error":{"message":"`, cut: true, want: atFault},
	"half an answer that seems whole, 200":  {status: 200, body: `{"id":"1","data":[{"id":`},
	"a picture, 200":                        {status: 200, headers: map[string]string{"Content-Type": "image/gif"}, body: "GIF89a\x01\x00\x01\x00", want: inBetween},
	"a text that says it is JSON, 401":      {status: 401, body: "Unauthorized\n"},
	"JSON that says it is a text, 200":      {status: 200, headers: map[string]string{"Content-Type": "text/plain"}, body: `{"status":"ok"}`},
	"10 MB, 200":                            {status: 200, body: `{"data":"`, size: 10 << 20, want: inBetween},
	"10 MB, 401":                            {status: 401, body: `{"error":"`, size: 10 << 20, want: inBetween},
	"a body that never ends, 200":           {status: 200, body: `{"data":[`, blocks: true, want: atFault},
	"a body that never ends, 401":           {status: 401, body: `{"error":`, blocks: true, want: atFault},
}

// own are traps that are made of what the issuer itself says.
func own(name string, s *said) map[string]trap {
	with := func(change func(x *trap)) trap {
		x := trap{status: s.Status, headers: maps.Clone(s.Headers), body: s.Body}
		if x.headers == nil {
			x.headers = map[string]string{}
		}
		change(&x)
		return x
	}
	all := map[string]trap{
		" under a 500":                 with(func(x *trap) { x.status, x.want = 500, atFault }),
		" under a 529":                 with(func(x *trap) { x.status, x.want = 529, atFault }),
		" as a page":                   with(func(x *trap) { x.headers["Content-Type"] = "text/html; charset=utf-8" }),
		" as a picture":                with(func(x *trap) { x.headers["Content-Type"], x.want = "image/png", inBetween }),
		" as bytes":                    with(func(x *trap) { x.headers["Content-Type"], x.want = "application/octet-stream", inBetween }),
		" as 10 MB":                    with(func(x *trap) { x.size, x.want = 10<<20, inBetween }),
		" cut off":                     with(func(x *trap) { x.body, x.cut, x.want = x.body[:len(x.body)/2], true, atFault }),
		" cut off after the last byte": with(func(x *trap) { x.cut, x.want = true, atFault }),
		" that never ends":             with(func(x *trap) { x.blocks, x.want = true, atFault }),
		" from a proxy":                with(func(x *trap) { x.headers["Proxy-Authenticate"], x.want = "Basic", inBetween }),
	}
	named := map[string]trap{}
	for how, x := range all {
		named[name+how] = x
	}
	return named
}

// RoundTrip falls into the trap, and counts.
type trapped struct {
	trap
	asked []*http.Request
}

func (x *trapped) RoundTrip(r *http.Request) (*http.Response, error) {
	x.asked = append(x.asked, r)
	header := http.Header{"Content-Type": {"application/json"}}
	for name, value := range x.headers {
		header.Set(name, value)
	}
	body := io.Reader(strings.NewReader(x.body))
	switch {
	case x.cut:
		body = io.MultiReader(body, broken{io.ErrUnexpectedEOF})
	case x.size > 0:
		body = io.MultiReader(body, io.LimitReader(blanks{}, int64(x.size)))
	case x.blocks:
		body = io.MultiReader(body, waits(func() error { <-r.Context().Done(); return r.Context().Err() }))
	}
	return &http.Response{StatusCode: x.status, Header: header, Body: io.NopCloser(body), Request: r}, nil
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// blanks are the body of JSON that is good, if it ends.
type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// waits is a body of which nothing more comes until the caller has had enough.
type waits func() error

func (w waits) Read([]byte) (int, error) { return 0, w() }

// No trap calls a key live or dead, whoever its issuer is, unless the issuer's file says
// that this very status is all that it answers; and nothing goes where a redirect leads.
func TestTraps(t *testing.T) {
	all := corpora(t)
	for _, id := range builtin.IDs() {
		p := lookedUp(t, id)
		mine := maps.Clone(traps)
		var with said
		if c, ok := all[id]; ok {
			with = said{With: c.With, BaseURL: c.BaseURL}
			for _, outcome := range []string{"live/valid", "dead/"} {
				if s := c.first(outcome); s != nil {
					name := "an answer that is " + outcome
					maps.Copy(mine, own(name, s))
					if s.class(t, p).knowsWord(s.answer()) { // then it is no page, whatever it is called
						delete(mine, name+" as a page")
					}
				}
			}
		}
		for _, class := range p.classes {
			if class.request == nil { // never asked, or not over HTTP
				continue
			}
			for name, x := range mine {
				t.Run(id+"/"+class.name+"/"+name, func(t *testing.T) { x.try(t, p, class, &with) })
			}
		}
	}
}

func (x trap) try(t *testing.T, p *Provider, class *class, with *said) {
	t.Helper()
	road := &trapped{trap: x}
	c, err := p.Checker(with.settings(p, road, recordedCode))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[key.Part]string{}
	for _, part := range p.file.parts() {
		parts[key.Part(part)] = template{{name: "random 40 alnum"}}.madeUp()
	}
	parts[firstOf(p)] = class.control.madeUp()
	var v key.Verdict
	ask := func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		v = c.Check(ctx, checkertest.MaterialOf(parts))
	}
	if x.blocks {
		synctest.Test(t, ask)
	} else {
		ask(t)
	}
	if v.Outcome == key.Live && class.saysWithAStatus(x.status) {
		return
	}
	if v.Outcome != key.Unknown || len(x.want) > 0 && !slices.Contains(x.want, v.Reason) {
		t.Errorf("got %s, want unknown and one of %s: %s", told(v), x.want, v.Detail)
	}
	if len(road.asked) != 1 {
		t.Errorf("%d calls", len(road.asked))
	}
}

// saysWithAStatus says whether the file declares that a status is all there is of an
// answer of the issuer's.
func (c *class) saysWithAStatus(status int) bool {
	return slices.ContainsFunc(c.rules, func(r rule) bool { return slices.Contains(r.Status, status) && r.Alone != "" && r.Outcome == key.Live })
}
