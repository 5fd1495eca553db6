package catalog

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/checkertest"
)

// replied is the verdict on m of a provider whose code hears this JSON.
func replied(t *testing.T, p *Provider, text string, m proof.Material) key.Verdict {
	t.Helper()
	c, err := p.Checker(settings(p, Settings{Client: http.DefaultClient, Speakers: map[string]validator.Speaker{p.file.Speak: replies{text}}}))
	if err != nil {
		t.Fatal(err)
	}
	return c.Check(t.Context(), m)
}

// Not a word, or words of somebody else, kill no key of a database and prove none.
func TestRepliesOfNobody(t *testing.T) {
	for _, id := range []string{"mongodb", "mysql", "postgres", "redis"} {
		for _, text := range append(strangers, `{"asked":true}`, `{"accepted":false}`, `{"code":""}`, `{"code":0}`, `{"user":"app"}`) {
			if v := replied(t, lookedUp(t, id), text, checkertest.Material("hunter2")); v.Outcome != key.Unknown {
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
		if v := replied(t, p, string(text), m); v.Outcome != key.Live || (v.Identity["user"] != "") != shown {
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
