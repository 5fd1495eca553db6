package anthropicadmin

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

// organization is one with an admin key, at an issuer, and a client of its Admin API.
func organization(t *testing.T) (*fakeissuer.Issuer, *Client) {
	t.Helper()
	issuer := fakeissuer.New()
	admin, file := fakeissuer.NewAnthropicAdminKey(), filepath.Join(t.TempDir(), "admin")
	issuer.Add(admin, fakeissuer.Account{Organization: "org-1"})
	if err := os.WriteFile(file, []byte(admin+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Api-Key"); got != admin || r.Method != http.MethodGet {
			t.Errorf("%s with another credential than the admin key", r.Method)
		}
		issuer.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return issuer, New(Settings{AdminKeyFile: file, BaseURL: s.URL, Client: s.Client()})
}

// like is a key with the same hint as k.
func like(k string) string {
	other := fakeissuer.NewAnthropicKey()
	return k[:16] + other[16:len(other)-4] + k[len(k)-4:]
}

func TestAKeyIsFoundByItsHint(t *testing.T) {
	issuer, c := organization(t)
	end := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	ours, late, off := fakeissuer.NewAnthropicKey(), fakeissuer.NewAnthropicKey(), fakeissuer.NewAnthropicKey()
	issuer.Add(ours, fakeissuer.Account{Organization: "org-1", Name: "CI", Owner: "svac_1", ExpiresAt: end})
	issuer.Add(off, fakeissuer.Account{Organization: "org-1", Name: "two\nlines", State: fakeissuer.Expired})
	for range 120 { // more than a page
		issuer.Add(fakeissuer.NewAnthropicKey(), fakeissuer.Account{Organization: "org-1"})
	}
	issuer.Add(late, fakeissuer.Account{Organization: "org-1", Name: "late " + ours})
	twin := fakeissuer.NewAnthropicKey()
	issuer.Add(twin, fakeissuer.Account{Organization: "org-1", Name: "one"})
	issuer.Add(like(twin), fakeissuer.Account{Organization: "org-1", Name: "other", ExpiresAt: end})
	find, err := c.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for rule, check := range map[string]struct {
		value string
		owner key.Identity
		want  *key.Listing
	}{
		"with name, owner, status and end":       {ours, nil, &key.Listing{Name: "CI", Owner: "service_account svac_1", Status: "active", ExpiresAt: end}},
		"in its own organization":                {ours, key.Identity{"organization": "org-1"}, &key.Listing{Name: "CI", Owner: "service_account svac_1", Status: "active", ExpiresAt: end}},
		"not in another":                         {ours, key.Identity{"organization": "org-2"}, nil},
		"on a later page, without a key as name": {late, nil, &key.Listing{Owner: "user user_1", Status: "active"}},
		"in one line":                            {off, nil, &key.Listing{Name: "twolines", Owner: "user user_1", Status: "expired"}},
		"two that fit are only named":            {twin, nil, &key.Listing{Name: "one or other", Ambiguous: true}},
		"not where there is none":                {fakeissuer.NewAnthropicKey(), nil, nil},
	} {
		got := find(secret.New([]byte(check.value)), check.owner)
		if (got == nil) != (check.want == nil) || got != nil && *got != *check.want {
			t.Errorf("%s: %+v", rule, got)
		}
	}
	for _, k := range []string{ours, late, off, twin} {
		if issuer.Calls(k) != 0 {
			t.Error("a key was sent")
		}
	}
}

func TestAListThatCannotBeReadSaysWhy(t *testing.T) {
	for mode, says := range map[fakeissuer.Mode]string{
		fakeissuer.Overloaded: "529", fakeissuer.Portal: "something else", fakeissuer.PortalRedirect: "302", fakeissuer.Garbage: "something else",
	} {
		issuer, c := organization(t)
		c.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		issuer.Mode(mode)
		if find, err := c.Inventory(t.Context()); err == nil || find != nil || !strings.Contains(err.Error(), says) {
			t.Errorf("mode %d: %v", mode, err)
		}
	}
}

func TestHints(t *testing.T) {
	v := secret.New([]byte("sk-ant-api03-R2DabcdefghijklmnopqrstuvwxyzigAA"))
	for hint, want := range map[string]bool{
		"sk-ant-api03-R2D...igAA": true, "sk-ant-api03-R2D...igAB": false, "sk-ant-api03-R2E...igAA": false,
		"sk-ant-...igAA": false, "...": false, "": false, "sk-ant-api03-R2D": false, "sk-ant-api03-R2D...": false,
		"sk-ant-api03-R2Dabcdefghijklmnopqrstuvwxyzi...gAA": false, "openai-R2D...igAA": false,
		"sk-ant-api03-...A": false, "sk-ant-api03-R2...igAA": false,
	} {
		if (Record{Hint: hint}).Fits(v) != want {
			t.Errorf("%q fits: %v", hint, !want)
		}
	}
}

func FuzzFits(f *testing.F) {
	f.Add("sk-ant-api03-R2D...igAA", "sk-ant-api03-R2DxxigAA")
	f.Fuzz(func(t *testing.T, hint, value string) {
		if (Record{Hint: hint}).Fits(secret.New([]byte(value))) && len(value) <= len(hint)-len("...") {
			t.Errorf("%q shows all of %q", hint, value)
		}
	})
}
