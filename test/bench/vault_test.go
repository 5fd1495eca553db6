package bench

import (
	"debug/buildinfo"
	"debug/elf"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/test/servers"
)

// probes is after how many calls memory is looked at again.
const probes = 100

func TestOneKeyFromVault(t *testing.T) {
	if !*measure {
		t.Skip("measured by `make bench`")
	}
	t.Setenv("LIVEKEY_TEST", "all") // what servers.Vault asks for
	vault := servers.Vault(t)
	issuer, url := startIssuer(t)
	key := newKey(issuer)
	vault.Put("secret", "prod/llm", map[string]any{"anthropic": key})
	vault.ReadPolicy("livekey", "secret/data/prod/llm")
	role, secret := vault.AppRole("approle", "livekey", time.Hour, "livekey")

	// As installed: what is remembered on disk, what is delivered in memory.
	config := func(probe string) (dir string) {
		dir = scratch(t, "", "state")
		must(t, os.WriteFile(filepath.Join(dir, "role-id"), []byte(role), 0o600))
		must(t, os.WriteFile(filepath.Join(dir, "secret-id"), []byte(secret), 0o600))
		configure(t, dir, `
sources:
  vault: {address: "`+vault.URL+`", auth: {method: approle, role_id_file: DIR/role-id, secret_id_file: DIR/secret-id}}
keys:
  KEY: {from: "vault://secret/prod/llm#anthropic", provider: anthropic, base_url: "`+url+`"}
sinks:
  app: {kind: env_file, path: `+scratch(t, "/dev/shm")+`/app.env, dialect: systemd, keys: all}
policy: {refresh: 1s, budget: 1000000`+probe+`}
`)
		return dir
	}

	measureBinary(t)
	figures.title(out, "One key from Vault (AppRole, KV v2)")
	measureStart(t, config, url, key)
	measureMemory(t, config, issuer, key)
}

// measureStart starts livekey anew each time, without anything that a run before
// it could have left.
func measureStart(t *testing.T, config func(string) string, url, key string) {
	var ready, call, bare sample
	for range *starts {
		d := start(t, config(""))
		d.stop()
		ready = append(ready, d.ready)
		call = append(call, firstCall(t, url, key))
		bare = append(bare, bareStart(t))
	}
	figures.note(out, "start to READY=1", "%s", ready)
	figures.note(out, "floor: `livekey version`", "%s", bare)
	figures.note(out, "live call, new connection", "%s", call)
	figures.want(out, "start to READY=1 without the live call", ready.quantile(0.5)-call.quantile(0.5), "ms", 50)
}

// firstCall is the live call as a program that was just started makes it.
func firstCall(t *testing.T, url, key string) time.Duration {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	req, err := ask(url, key)
	must(t, err)
	began := time.Now()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	must(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	took := time.Since(began)
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the issuer answers %s", resp.Status)
	}
	return took
}

// bareStart is what the kernel and Go's runtime need to start this binary and end it.
func bareStart(t *testing.T) time.Duration {
	t.Helper()
	cmd := exec.Command(release(t), "version")
	cmd.Env = []string{}
	began := time.Now()
	must(t, cmd.Run())
	return time.Since(began)
}

// measureMemory looks at what is resident after ten quiet seconds, and after many
// probes of a second life.
func measureMemory(t *testing.T, config func(string) string, issuer *fakeissuer.Issuer, key string) {
	d := start(t, config(""))
	time.Sleep(10 * time.Second)
	figures.want(out, "resident after 10 s", memory(t, d.cmd.Process.Pid, "VmRSS"), "MB", 16)
	figures.note(out, "  of that, not file-backed", "%8.2f MB", memory(t, d.cmd.Process.Pid, "RssAnon"))
	d.stop()

	d = start(t, config(", probe: 50ms"))
	for before, end := issuer.Calls(key), time.Now().Add(patience); issuer.Calls(key)-before < probes; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d probes in %s, not %d\n", issuer.Calls(key)-before, patience, probes)
		}
	}
	figures.want(out, "resident after 100 probes", memory(t, d.cmd.Process.Pid, "VmRSS"), "MB", 16)
	figures.note(out, "  of that, not file-backed", "%8.2f MB", memory(t, d.cmd.Process.Pid, "RssAnon"))
	figures.note(out, "  most ever", "%8.2f MB", memory(t, d.cmd.Process.Pid, "VmHWM"))
	d.stop()
}

// measureBinary looks at the file.
func measureBinary(t *testing.T) {
	path := release(t)
	info, err := os.Stat(path)
	must(t, err)
	built, err := buildinfo.ReadFile(path)
	must(t, err)
	settings := map[string]string{}
	for _, s := range built.Settings {
		settings[s.Key] = s.Value
	}
	file, err := elf.Open(path)
	must(t, err)
	defer func() { _ = file.Close() }()
	libraries, err := file.ImportedLibraries()
	must(t, err)
	cgo := 0.0
	if settings["CGO_ENABLED"] != "0" {
		cgo++
	}

	erases := "off"
	if strings.Contains(settings["GOEXPERIMENT"], "runtimesecret") {
		erases = "on"
	}
	figures.title(out, "The binary, %s, %s %s/%s, runtimesecret %s", filepath.Base(path), built.GoVersion, settings["GOOS"], settings["GOARCH"], erases)
	figures.want(out, "size", float64(info.Size())/1e6, "MB", 20)
	figures.want(out, "shared libraries, and cgo", float64(len(libraries))+cgo, "", 0)
}
