package draft

import (
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
)

var kinds = config.Kinds{Sources: []string{"file", "vault"}, Sinks: []string{"env_file"}, Channels: []string{"webhook"}}

func TestADraftReadsLikeAConfig(t *testing.T) {
	c := Config{
		Head:    []string{"livekey", ""},
		Sources: []Entry{{Name: "vault", Fields: []Field{{Name: "address", Value: Text("https://vault:8200"), Note: "VAULT_ADDR"}}}},
		Keys: []Entry{
			{Name: "A", Notes: []string{"of app.service"}, Fields: []Field{{"from", From(map[key.Part]key.Ref{
				key.DefaultPart: {Location: key.Location{Source: "vault", Path: "secret/app"}, Field: "a"},
			}, config.FormatRef), ""}}},
			{Name: "pair", Fields: []Field{{"from", From(map[key.Part]key.Ref{
				"secret_key": {Location: key.Location{Source: "file", Path: "/s"}}, "access_key": {Location: key.Location{Source: "file", Path: "/a"}},
			}, config.FormatRef), ""}}},
		},
		Sinks:  []Entry{{Name: "app", Fields: []Field{{"keys", Words([]string{"A", "yes", "a, b"}), ""}}}},
		Policy: []Field{{"refresh", Text("5m"), ""}},
		Tail:   []string{"end"},
	}
	const want = `# livekey
#

sources:
  vault:
    address: https://vault:8200       # VAULT_ADDR

keys:
  # of app.service
  A:
    from: vault://secret/app#a
  pair:
    from: {access_key: file:///a, secret_key: file:///s}

sinks:
  app:
    keys: [A, "yes", "a, b"]

policy:
  refresh: "5m"

# end
`
	if got := c.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAnEntryIsAddedOnce(t *testing.T) {
	var section []Entry
	Add(&section, Entry{Name: "vault"}).Set("address", "a")
	if e := Add(&section, Entry{Name: "vault"}); !e.Has("address") || e.Has("auth") || len(section) != 1 {
		t.Errorf("%+v", section)
	}
}

// Whatever a text is, YAML reads the same, and a comment stays one.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a", "yes", "1", "a: b", "a #b", "- a", "\"", "\\", "a\nb", "é", "{a}", "[", "*a", "&a", "!a", "%a", "@a", "`", "a:", "0x1", "~", ".inf", "\x7f", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ToValidUTF8(s, "") != s {
			return
		}
		c := Config{
			Head: []string{s},
			Keys: []Entry{{Name: "A", Notes: []string{s}, Fields: []Field{
				{"from", Text("file:///a"), s}, {"with", Map(Pair("p", Text(s))), ""},
			}}},
			Sinks: []Entry{{Name: "app", Fields: []Field{{"kind", Text("env_file"), ""}, {"path", Text("/p"), ""}, {"keys", Text("all"), ""}}}},
		}
		cfg, err := config.Read("f", []byte(c.String()), kinds)
		if err != nil {
			if strings.Contains(err.Error(), "a secret has no place in the config") {
				return // it is read, and looks like one
			}
			t.Fatalf("%v\n%s", err, c.String())
		}
		if got := cfg.Keys["A"].With["p"]; got != s {
			t.Errorf("%q became %q in\n%s", s, got, c.String())
		}
	})
}
