package e2e

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/test/need"
	"github.com/livekey/livekey/test/servers"
)

// resumeTime is how soon after the end of an outage delivery goes on.
const resumeTime = 5 * time.Second

const vaultConfig = `
sources:
  vault:
    address: $VAULT
    $AUTH
keys:
  A: {from: "vault://secret/prod/llm#anthropic", provider: anthropic, base_url: $ISSUER, policy: {refresh: 1s}}
` + twoSinks

// A way to log in, and what it needs in the config.
var logins = []struct {
	name string
	auth string
	give func(w *world, v *servers.VaultServer)
}{
	{"approle", "auth: {method: approle, role_id_file: $DIR/role-id, secret_id_file: $DIR/secret-id}", giveAppRole},
	{"token file", "auth: {method: token, token_file: $DIR/token}", func(w *world, v *servers.VaultServer) {
		must(w.t, os.WriteFile(w.path("token"), []byte(v.NewToken(time.Hour, "reader")+"\n"), 0o600))
	}},
}

func giveAppRole(w *world, v *servers.VaultServer) {
	role, secret := v.AppRole("approle", "livekey", time.Hour, "reader")
	must(w.t, os.WriteFile(w.path("role-id"), []byte(role), 0o600))
	must(w.t, os.WriteFile(w.path("secret-id"), []byte(secret), 0o600))
}

func TestTheMainJobOnARealVault(t *testing.T) {
	need.All(t, "P1 P4 P5 P8: the main job on a real Vault, its outages included", need.Linux)
	t.Parallel()
	for _, login := range logins {
		t.Run(login.name, func(t *testing.T) {
			t.Parallel()
			v := servers.Vault(t)
			v.ReadPolicy("reader", "secret/data/prod/llm")
			w := newWorld(t)
			w.vars["VAULT"], w.vars["AUTH"] = v.URL, login.auth
			login.give(w, v)
			w.configure(vaultConfig)
			put := func(value string) { v.Put("secret", "prod/llm", map[string]any{"anthropic": value}) }

			want := map[string]string{"A": w.newKey()}
			put(want["A"])
			w.start().awaitReady()
			must(t, w.holds(want)())

			replaced := want["A"]
			want["A"] = w.newKey()
			put(want["A"])
			w.until("kv put is delivered", patience, w.holds(want))
			k := w.key("A")
			if k.Current == nil || k.Current.Version != "2" || k.Current.Outcome != key.Live {
				t.Errorf("version 2 is not shown as current and live: %+v", k.Current)
			}
			if len(k.Older) != 1 || k.Older[0].Version != "1" {
				t.Fatalf("version 1 is not watched: %+v", k.Older)
			}
			asked := w.issuer.Calls(replaced)
			w.until("the issuer is asked about version 1 again", patience, func() error {
				if w.issuer.Calls(replaced) == asked {
					return fmt.Errorf("asked %d times", asked)
				}
				return nil
			})
			followDeathBy(w, "A", replaced, want, put)

			survive := func(outage string, begin, end func()) {
				t.Helper()
				asked := w.issuer.Calls(want["A"])
				begin()
				w.throughout(outage, 4*time.Second, func() error {
					time.Sleep(100 * time.Millisecond)
					if k := w.key("A"); k.Current == nil || k.Current.Outcome != key.Live {
						return fmt.Errorf("the current version is shown as %+v", k.Current)
					}
					return w.holds(want)()
				})
				if w.issuer.Calls(want["A"]) == asked {
					t.Errorf("%s: the delivered version was not proved again meanwhile", outage)
				}
				end()
				want["A"] = w.newKey()
				put(want["A"])
				took := w.until("delivery goes on after: "+outage, resumeTime, w.holds(want))
				t.Logf("%s: resumed after %s", outage, took.Round(time.Millisecond))
			}
			survive("Vault is sealed", v.Seal, v.Unseal)
			survive("Vault is stopped", v.Stop, v.Restart)
			if login.name == "approle" {
				survive("every token is revoked", func() { v.RevokeRoleTokens("approle") }, func() {})
			}
		})
	}
}

func TestAVaultThatIsDownAtStartMayComeLater(t *testing.T) {
	need.All(t, "P3 P8: a Vault that is down when livekey starts", need.Linux)
	t.Parallel()
	v := servers.Vault(t)
	v.ReadPolicy("reader", "secret/data/prod/llm")
	w := newWorld(t)
	w.vars["VAULT"], w.vars["AUTH"], w.vars["WAIT"] = v.URL, logins[0].auth, "500ms"
	giveAppRole(w, v)
	w.configure(vaultConfig)
	want := map[string]string{"A": w.newKey()}
	v.Put("secret", "prod/llm", map[string]any{"anthropic": want["A"]})
	v.Stop()

	d := w.start()
	if took := d.awaitReady(); took < 300*time.Millisecond || took > 5*time.Second {
		t.Errorf("READY=1 after %s: startup_wait is 500ms", took)
	}
	if r := w.livekey("status"); r.exit != 4 {
		t.Errorf("livekey status exits %d while nobody could be asked, not 4", r.exit)
	}
	time.Sleep(4 * time.Second) // long enough for waits between tries to grow
	if _, err := os.Stat(w.path("sinks/app/app.env")); err == nil {
		t.Error("there is an env file, and no key was ever read")
	}
	v.Restart()
	took := w.until("the key is delivered when Vault is there", resumeTime, w.holds(want))
	t.Logf("delivered %s after Vault's start", took.Round(time.Millisecond))
}
