package catalog

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/checkertest"
)

// dialogues is what code that speaks another protocol than HTTP replies, and what each
// reply means: testdata/replies has a file for each such issuer.
type dialogues struct {
	Value   string  `yaml:"value"` // template of a DSN
	Replies []reply `yaml:"replies"`
}

type reply struct {
	Name     string            `yaml:"name"`
	Reply    string            `yaml:"reply"` // JSON
	Want     string            `yaml:"want"`
	Identity map[string]string `yaml:"identity"`
	Expires  string            `yaml:"expires"`
}

// Speak replies so.
func (r *reply) Speak(context.Context, validator.Coded) (map[string]any, error) {
	d := json.NewDecoder(strings.NewReader(r.Reply))
	d.UseNumber()
	var said map[string]any
	return said, d.Decode(&said)
}

func (*reply) Lint(map[string]string) error          { return nil }
func (*reply) Hosts(with map[string]string) []string { return []string{"db://" + with["host"]} }
func (r *reply) verdict(t *testing.T, p *Provider, m proof.Material) key.Verdict {
	t.Helper()
	c, err := p.Checker(Settings{Client: http.DefaultClient, Speakers: map[string]validator.Speaker{p.file.Speak: r}})
	if err != nil {
		t.Fatal(err)
	}
	return c.Check(t.Context(), m)
}

// dialoguesOf are the files of testdata/replies by provider.
func dialoguesOf(t testing.TB) map[string]dialogues {
	t.Helper()
	paths, err := filepath.Glob("testdata/replies/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no replies: %v", err)
	}
	all := map[string]dialogues{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		node, err := config.Parse(path, "", string(text))
		if err != nil {
			t.Fatal(err)
		}
		var d dialogues
		if err := node.Decode(&d); err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(path), ".yaml")] = d
	}
	return all
}

// Every reply means what its file says, and every rule is tried by one.
func TestReplies(t *testing.T) {
	for id, d := range dialoguesOf(t) {
		p := lookedUp(t, id)
		seen := map[*rule]bool{}
		value, err := parseTemplate(d.Value)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range d.Replies {
			t.Run(id+"/"+r.Name, func(t *testing.T) {
				v := r.verdict(t, p, checkertest.Material(value.madeUp()))
				if told(v) != r.Want || v.Detail == "" {
					t.Errorf("got %s, want %s: %s", told(v), r.Want, v.Detail)
				}
				if !maps.Equal(v.Identity, key.Identity(r.Identity)) {
					t.Errorf("identity %v, want %v", v.Identity, r.Identity)
				}
				if got := v.ExpiresAt; r.Expires != "" && got.Format(time.RFC3339) != r.Expires || r.Expires == "" && !got.IsZero() {
					t.Errorf("expires %s, want %q", got, r.Expires)
				}
				said, err := r.Speak(t.Context(), validator.Coded{})
				if err != nil {
					t.Fatal(err)
				}
				for _, class := range p.classes {
					if rule := class.match(&answer{json: said}); rule != nil {
						seen[rule] = true
					}
				}
			})
		}
		reportUntried(t, p, seen)
	}
}

// Not a word, or words of somebody else, kill no key and prove none.
func TestRepliesOfNobody(t *testing.T) {
	for id, d := range dialoguesOf(t) {
		p := lookedUp(t, id)
		for _, text := range append(strangers, `{"asked":true}`, `{"accepted":false}`, `{"code":""}`, `{"code":0}`, `{"user":"app"}`) {
			if v := (&reply{Reply: text}).verdict(t, p, checkertest.Material(d.Value)); v.Outcome != key.Unknown {
				t.Errorf("%s: %s is %s", id, text, told(v))
			}
		}
	}
}

// The server is asked for user and database, which a DSN has too: they are shown. The
// password is not, however a server comes by it.
func TestOfADSNThePasswordAloneIsHidden(t *testing.T) {
	p := lookedUp(t, "postgres")
	m := checkertest.Material("postgres://inventory_app:hunter2%2Fhunter2@db.internal/inventory_main?sslmode=require")
	for user, shown := range map[string]bool{"inventory_app": true, "hunter2%2Fhunter2": false, "is hunter2/hunter2": false} {
		text, err := json.Marshal(map[string]any{"asked": true, "accepted": true, "user": user})
		if err != nil {
			t.Fatal(err)
		}
		v := (&reply{Reply: string(text)}).verdict(t, p, m)
		if v.Outcome != key.Live || (v.Identity["user"] != "") != shown {
			t.Errorf("%s: %s, identity %v", user, told(v), v.Identity)
		}
	}
	for _, value := range []string{"postgres://no-password-at-all@db", "postgres://db/inventory_main", "alone-and-long", "postgres://u:%zz-broken@db"} {
		if got := p.hidden([]byte(value)); len(got) != 1 || string(got[0]) != value {
			t.Errorf("%s: %q", value, got)
		}
	}
	if got := lookedUp(t, "slack").hidden([]byte("https://a:b@c/d")); len(got) != 1 {
		t.Errorf("a URL of HTTP: %q", got)
	}
}
