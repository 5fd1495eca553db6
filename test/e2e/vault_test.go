package e2e

import (
	"fmt"
	"os"
	"strings"
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
    ca_file: "$VAULT_CA"
    $AUTH
keys:
  A: {from: "vault://$MOUNT/prod/llm#anthropic", provider: anthropic, base_url: $ISSUER, policy: {refresh: 1s}}
` + twoSinks

// A way to log in, and what it needs in the config.
var logins = []struct {
	name string
	auth string
	give func(w *world, v *servers.VaultServer, policy string)
}{
	{"approle", "auth: {method: approle, mount: $APPROLE, role_id_file: $DIR/role-id, secret_id_file: $DIR/secret-id}", giveAppRole},
	{"token file", "auth: {method: token, token_file: $DIR/token}", func(w *world, v *servers.VaultServer, policy string) {
		must(w.t, os.WriteFile(w.path("token"), []byte(v.NewToken(time.Hour, policy)+"\n"), 0o600))
	}},
}

func giveAppRole(w *world, v *servers.VaultServer, policy string) {
	w.giveAppRole(v, policy, time.Hour)
}

// giveAppRole makes a role whose tokens live for ttl, and writes down how to take it on.
func (w *world) giveAppRole(v *servers.VaultServer, policy string, ttl time.Duration) {
	role, secret := v.AppRole(w.vars["APPROLE"], "livekey", ttl, policy)
	must(w.t, os.WriteFile(w.path("role-id"), []byte(role), 0o600))
	must(w.t, os.WriteFile(w.path("secret-id"), []byte(secret), 0o600))
}

// useVault makes v the far end of the world's config: its keys are in mount.
func (w *world) useVault(v *servers.VaultServer, mount, approle, auth string) {
	w.vars["VAULT"], w.vars["VAULT_CA"], w.vars["MOUNT"], w.vars["APPROLE"], w.vars["AUTH"] = v.URL, v.CAFile, mount, approle, auth
}

func TestTheMainJobOnARealVault(t *testing.T) {
	need.All(t, "P1 P4 P5 P8: the main job on a real Vault, its outages included", need.Linux)
	t.Parallel()
	for _, login := range logins {
		t.Run(login.name, func(t *testing.T) {
			t.Parallel()
			v := servers.Vault(t)
			w := newWorld(t)
			w.useVault(v, "secret", "approle", login.auth)
			v.ReadPolicy("reader", "secret/data/prod/llm")
			login.give(w, v, "reader")
			put, want := mainJobOnVault(w, v)

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

// TestTheMainJobOnOpenBao is the same as far as a server of somebody else's allows it.
func TestTheMainJobOnOpenBao(t *testing.T) {
	t.Parallel()
	for _, login := range logins {
		t.Run(login.name, func(t *testing.T) {
			t.Parallel()
			v, name := servers.OpenBao(t)
			w := newWorld(t)
			w.useVault(v, name, name+"-approle", login.auth)
			v.MountKV2(name)
			v.ReadPolicy(name, name+"/data/prod/llm")
			login.give(w, v, name)
			mainJobOnVault(w, v)
		})
	}
}

// mainJobOnVault delivers, rotates and follows the deaths of a key in the mount that
// the config names. It returns how to put another version, and what the sinks hold.
func mainJobOnVault(w *world, v *servers.VaultServer) (put func(string), want map[string]string) {
	w.t.Helper()
	w.configure(vaultConfig)
	put = func(value string) { v.Put(w.vars["MOUNT"], "prod/llm", map[string]any{"anthropic": value}) }

	want = map[string]string{"A": w.newKey()}
	put(want["A"])
	d := w.start()
	d.awaitReady()
	must(w.t, w.holds(want)())

	replaced := want["A"]
	want["A"] = w.newKey()
	put(want["A"])
	w.until("kv put is delivered", patience, w.holds(want))
	k := w.key("A")
	if k.Current == nil || k.Current.Version != "2" || k.Current.Outcome != key.Live {
		w.t.Errorf("version 2 is not shown as current and live: %+v", k.Current)
	}
	if len(k.Older) != 1 || k.Older[0].Version != "1" {
		w.t.Fatalf("version 1 is not watched: %+v", k.Older)
	}
	asked := w.issuer.Calls(replaced)
	again := func() error {
		if w.issuer.Calls(replaced) == asked {
			return fmt.Errorf("asked %d times", asked)
		}
		return nil
	}
	w.until("the issuer is asked about version 1 again", patience, again)
	d.kill()
	w.start().awaitReady() // now nobody but Vault has version 1
	asked = w.issuer.Calls(replaced)
	w.until("the issuer is asked about version 1 after a restart", patience, again)
	followDeathBy(w, "A", replaced, want, put)
	return put, want
}

// TestATokenOfTwoSecondsIsKeptAliveByTheDaemon: polls come every ten seconds.
func TestATokenOfTwoSecondsIsKeptAliveByTheDaemon(t *testing.T) {
	need.All(t, "P8: a token that lives shorter than the time between polls is renewed", need.Linux)
	t.Parallel()
	v := servers.Vault(t)
	w := newWorld(t)
	w.useVault(v, "secret", "approle", logins[0].auth)
	v.ReadPolicy("reader", "secret/data/prod/llm")
	w.giveAppRole(v, "reader", 2*time.Second)
	w.configure(strings.Replace(vaultConfig, "refresh: 1s", "refresh: 10s", 1))
	want := map[string]string{"A": w.newKey()}
	v.Put("secret", "prod/llm", map[string]any{"anthropic": want["A"]})
	w.start().awaitReady()
	must(t, w.holds(want)())
	want["A"] = w.newKey()
	v.Put("secret", "prod/llm", map[string]any{"anthropic": want["A"]})
	w.until("the next poll delivers", patience, w.holds(want))
	if n := v.Requests("auth/approle/login"); n != 1 {
		t.Errorf("%d logins", n)
	}
	if n := v.Requests("auth/token/renew-self"); n < 3 {
		t.Errorf("%d renewals between two polls ten seconds apart", n)
	}
	if n := v.Requests("sys/internal/ui/mounts/"); n != 1 {
		t.Errorf("Vault was asked %d times where the mount is", n)
	}
}

func TestAVaultThatIsDownAtStartMayComeLater(t *testing.T) {
	need.All(t, "P3 P8: a Vault that is down when livekey starts", need.Linux)
	t.Parallel()
	v := servers.Vault(t)
	v.ReadPolicy("reader", "secret/data/prod/llm")
	w := newWorld(t)
	w.useVault(v, "secret", "approle", logins[0].auth)
	w.vars["WAIT"] = "500ms"
	giveAppRole(w, v, "reader")
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
