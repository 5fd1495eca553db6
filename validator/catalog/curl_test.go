package catalog

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/test/need"
	"github.com/livekey/livekey/validator"
)

func TestACurlLineIsTheLiveCall(t *testing.T) {
	for _, c := range []struct {
		provider, kind string
		env            map[key.Part]string
		want           string
	}{
		{"anthropic", "API key", map[key.Part]string{"value": "ANTHROPIC_API_KEY"}, `printf 'header = "X-Api-Key: %s"\n' "$ANTHROPIC_API_KEY" | \
  curl -sSi -K - \
  -H 'Anthropic-Version: 2023-06-01' \
  'https://api.anthropic.com/v1/models?limit=1'`},
		{"anthropic", "OAuth access token", map[key.Part]string{"value": "T"}, `printf 'header = "Authorization: Bearer %s"\n' "$T" | \
  curl -sSi -K - \
  -H 'Anthropic-Beta: oauth-2025-04-20' \
  -H 'Anthropic-Version: 2023-06-01' \
  'https://api.anthropic.com/v1/models?limit=1'`},
		{"anthropic", "OAuth refresh token", map[key.Part]string{"value": "T"}, ""},
		{"aws", "", map[key.Part]string{"access_key": "A", "secret_key": "S"}, `printf 'user = "%s:%s"\n' "$A" "$S" | \
  curl -sSi -K - \
  -X POST \
  -H 'Content-Type: application/x-www-form-urlencoded; charset=utf-8' \
  --aws-sigv4 'aws:amz:us-east-1:sts' \
  --data 'Action=GetCallerIdentity&Version=2011-06-15' \
  'https://sts.us-east-1.amazonaws.com/'`},
	} {
		p, err := Builtin().Lookup(c.provider)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Curl(Settings{}, c.kind, c.env); got != c.want {
			t.Errorf("%s, %s:\n%s\nwant\n%s", c.provider, c.kind, got, c.want)
		}
	}
	p := parsed(t, shop)
	if got := p.Curl(Settings{}, "", map[key.Part]string{"value": "V", "app": "A"}); !strings.Contains(got, `user = "api:%s"`) ||
		!strings.Contains(got, `data = "{\\"key\\":\\"%s\\"`) || !strings.Contains(got, `url = "https://%s-dsn.shop.example.com/v1/<dc>/%s"`) {
		t.Errorf("got %s", got)
	}
}

// caught keeps the last request, without what says who made it.
type caught struct {
	mu   sync.Mutex
	last string
}

func (c *caught) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var b strings.Builder
	b.WriteString(r.Method + " " + r.URL.RequestURI() + "\n")
	for _, name := range []string{"User-Agent", "Accept", "Accept-Encoding", "Content-Length", "X-Amz-Date", "X-Amz-Content-Sha256"} {
		r.Header.Del(name)
	}
	if a := r.Header.Get("Authorization"); strings.HasPrefix(a, "AWS4") { // other headers may be signed, and at another second
		r.Header.Set("Authorization", a[:strings.Index(a, "/")])
	}
	_ = r.Header.Write(&b)
	b.Write(bytes.TrimSpace(body))
	c.mu.Lock()
	c.last = b.String()
	c.mu.Unlock()
}

func (c *caught) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.last
	c.last = ""
	return last
}

// TestCurlAsksAsLivekeyDoes runs the line of every provider against a server of the test's.
func TestCurlAsksAsLivekeyDoes(t *testing.T) {
	need.All(t, "the curl line of doctor is the live call", need.Program("curl"))
	issuer := &caught{}
	srv := httptest.NewServer(issuer)
	defer srv.Close()
	for _, id := range Builtin().IDs() {
		p, err := Builtin().Lookup(id)
		if err != nil {
			t.Fatal(err)
		}
		if p.Signs() || p.file.Request == nil || p.file.Speak != "" || p.file.ProbePolicy == never || len(p.file.Derived) > 0 {
			continue
		}
		s := Settings{BaseURL: srv.URL, With: map[string]string{}, Client: srv.Client(), OptIn: true}
		for name, param := range p.file.Params {
			if param.Required {
				s.With[name] = "a1"
			}
		}
		values, env, environ := map[key.Part]secret.Value{}, map[key.Part]string{}, []string{"PATH=/usr/bin:/bin"}
		for i, part := range p.file.parts() {
			text := p.classes[len(p.classes)-1].control.madeUp()
			if i > 0 {
				text = template{{name: "random 40"}}.madeUp()
			}
			name := "V" + strings.ToUpper(part)
			values[key.Part(part)], env[key.Part(part)] = secret.New([]byte(text)), name
			environ = append(environ, name+"="+text)
		}
		s.Decoders = map[string]validator.Decoder{p.file.Decode: func(validator.Coded) (map[string]any, error) { return map[string]any{}, nil }}
		checker, err := p.Checker(s)
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		m := proof.Material{Parts: values}
		first := values[key.Part(p.file.parts()[0])]
		checker.Check(t.Context(), m)
		want := issuer.take()
		if want == "" {
			continue // of a class that is not sent
		}
		kind, _ := p.Kind(first, s.With)
		line := p.Curl(s, kind, env)
		if err := sh(t.Context(), line, environ); err != nil {
			t.Errorf("%s: %v\n%s", id, err, line)
		}
		if got := issuer.take(); got != want {
			t.Errorf("%s: the line\n%s\nasks\n%s\nand livekey\n%s", id, line, got, want)
		}
	}
}

func sh(ctx context.Context, line string, environ []string) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Env = environ
	_, err := cmd.Output()
	return err
}
