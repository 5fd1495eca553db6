package vaulttoken_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/test/servers"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/catalog"
	"github.com/livekey/livekey/validator/checkertest"
	"github.com/livekey/livekey/validator/vaulttoken"
)

func newChecker(t *testing.T, s catalog.Settings) validator.Checker {
	t.Helper()
	client, err := (&httpclient.Factory{}).Client(httpclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	p, err := catalog.Builtin().Lookup("vault")
	if err != nil {
		t.Fatal(err)
	}
	s.Client = client
	s.Signers = map[string]validator.Signer{"vault_token": vaulttoken.Sign}
	s.Decoders = map[string]validator.Decoder{"vault_token": vaulttoken.Decode}
	c, err := p.Checker(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// vault is a real Vault with a token of livekey's own, which may look others up.
type vault struct {
	*servers.VaultServer
	t    *testing.T
	file string
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{servers.Vault(t), t, filepath.Join(t.TempDir(), "lookup-token")}
	v.Policy("looks", `path "auth/token/lookup" { capabilities = ["update"] }`)
	v.livekeyIs(v.NewToken(time.Hour, "looks"))
	return v
}

func (v *vault) livekeyIs(token string) {
	v.t.Helper()
	if err := os.WriteFile(v.file, []byte(token+"\n"), 0o600); err != nil {
		v.t.Fatal(err)
	}
}

// create makes a token of these properties.
func (v *vault) create(of map[string]any) string {
	v.t.Helper()
	var made struct {
		Auth struct {
			Token string `json:"client_token"`
		} `json:"auth"`
	}
	v.Do("POST", "auth/token/create", of, &made)
	return made.Auth.Token
}

func (v *vault) usesLeft(token string) int {
	v.t.Helper()
	var told struct {
		Data struct {
			Left int `json:"num_uses"`
		} `json:"data"`
	}
	v.Do("POST", "auth/token/lookup", map[string]string{"token": token}, &told)
	return told.Data.Left
}

func (v *vault) check(s catalog.Settings, token string) key.Verdict {
	v.t.Helper()
	s.BaseURL = v.URL
	return newChecker(v.t, s).Check(v.t.Context(), checkertest.Material(token))
}

// looking has livekey show its own token.
func (v *vault) looking() catalog.Settings {
	return catalog.Settings{With: map[string]string{"lookup_token_file": v.file}}
}

func is(t *testing.T, v key.Verdict, want string) {
	t.Helper()
	if got := v.Outcome.String() + "/" + string(v.Reason); got != want {
		t.Errorf("got %s, want %s: %s", got, want, v.Detail)
	}
}

// A token that works once is proved as often as one likes, and still works once.
func TestAProofSpendsNoUse(t *testing.T) {
	v := newVault(t)
	once := v.create(map[string]any{"num_uses": 1, "ttl": "1h", "display_name": "app", "policies": []string{"default"}})
	for range 10 {
		got := v.check(v.looking(), once)
		is(t, got, "live/valid")
		if got.Identity["uses_left"] != "1" || got.Identity["name"] != "token-app" || got.Identity["scopes"] != "default" ||
			time.Until(got.ExpiresAt) < 59*time.Minute || time.Until(got.ExpiresAt) > time.Hour {
			t.Fatalf("identity %v, expires %s", got.Identity, got.ExpiresAt)
		}
	}
	if left := v.usesLeft(once); left != 1 {
		t.Fatalf("%d uses left", left)
	}
	v.check(catalog.Settings{OptIn: true}, once) // spends it
	if got := v.check(v.looking(), once); got.Outcome != key.Dead {
		t.Errorf("a token without uses is %s/%s", got.Outcome, got.Reason)
	}
}

func TestATokenIsNotAskedAboutItselfByDefault(t *testing.T) {
	v := newVault(t)
	twice := v.create(map[string]any{"num_uses": 2, "ttl": "1h", "policies": []string{"default"}})
	got := v.check(catalog.Settings{}, twice)
	is(t, got, "unknown/unsupported")
	if !strings.Contains(got.Detail, "lookup_token_file") || v.Requests("auth/token/lookup-self") != 0 {
		t.Errorf("%d requests: %s", v.Requests("auth/token/lookup-self"), got.Detail)
	}
	if left := v.usesLeft(twice); left != 2 {
		t.Errorf("%d uses left", left)
	}
	// A batch token has none that could be spent.
	is(t, v.check(catalog.Settings{}, v.create(map[string]any{"type": "batch", "ttl": "1h", "policies": []string{"default"}})), "live/valid")
}

func TestTokensThatVaultDoesNotKnow(t *testing.T) {
	v := newVault(t)
	self := catalog.Settings{OptIn: true}
	gone := v.NewToken(time.Hour, "default")
	is(t, v.check(v.looking(), gone), "live/valid")
	v.RevokeToken(gone)
	short := v.create(map[string]any{"ttl": "1s", "policies": []string{"default"}})
	for _, s := range []catalog.Settings{v.looking(), self} {
		is(t, v.check(s, gone), "dead/invalid")
		for end := time.Now().Add(10 * time.Second); v.check(s, short).Outcome == key.Live && time.Now().Before(end); {
			time.Sleep(50 * time.Millisecond)
		}
		is(t, v.check(s, short), "dead/invalid")
	}
}

// What Vault refuses to livekey says nothing of the token that is proved.
func TestARefusalOfLivekeyIsNobodysEnd(t *testing.T) {
	v := newVault(t)
	good := v.create(map[string]any{"ttl": "1h", "policies": []string{"none"}, "no_default_policy": true})
	is(t, v.check(v.looking(), good), "live/valid")
	is(t, v.check(catalog.Settings{OptIn: true}, good), "unknown/misconfigured") // may not see itself

	v.livekeyIs(v.NewToken(time.Hour, "default"))
	is(t, v.check(v.looking(), good), "unknown/misconfigured")
	gone := v.NewToken(time.Hour, "looks")
	v.RevokeToken(gone)
	v.livekeyIs(gone)
	is(t, v.check(v.looking(), good), "unknown/misconfigured")

	v.livekeyIs(v.NewToken(time.Hour, "looks"))
	is(t, v.check(v.looking(), good), "live/valid")
	v.Seal()
	is(t, v.check(v.looking(), good), "unknown/transient")
}
