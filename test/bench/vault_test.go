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
	sink := scratch(t, "/dev/shm")
	write := func(dir, probe string) {
		configure(t, dir, `
sources:
  vault: {address: "`+vault.URL+`", auth: {method: approle, role_id_file: DIR/role-id, secret_id_file: DIR/secret-id}}
keys:
  KEY: {from: "vault://secret/prod/llm#anthropic", provider: anthropic, base_url: "`+url+`"}
sinks:
  app: {kind: env_file, path: `+sink+`/app.env, dialect: systemd, keys: all}
policy: {refresh: 1s, budget: 1000000`+probe+`}
`)
	}
	install := func() (dir string) {
		dir = scratch(t, "", "state")
		must(t, os.WriteFile(filepath.Join(dir, "role-id"), []byte(role), 0o600))
		must(t, os.WriteFile(filepath.Join(dir, "secret-id"), []byte(secret), 0o600))
		write(dir, "")
		return dir
	}

	measureBinary(t)
	figures.title(out, "One key from Vault (AppRole, KV v2)")
	measureStart(t, install, url, key)
	measureMemory(t, install(), write, issuer, key)
}

// measureStart starts livekey anew each time, without anything that a run before
// it could have left.
func measureStart(t *testing.T, install func() string, url, key string) {
	var ready, call, bare sample
	for range *starts {
		d := start(t, install())
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

// measureMemory looks at what is resident after ten quiet seconds; while it probes as
// nobody does, twenty times a second; and when it is quiet again after many of those.
func measureMemory(t *testing.T, dir string, write func(dir, probe string), issuer *fakeissuer.Issuer, key string) {
	d := start(t, dir)
	pid := d.cmd.Process.Pid
	quiet := func(when string) {
		time.Sleep(10 * time.Second)
		figures.want(out, "resident "+when, memory(t, pid, "VmRSS"), "MB", 16)
		figures.note(out, "  of that, not file-backed", "%8.2f MB", memory(t, pid, "RssAnon"))
	}
	quiet("after 10 s")

	write(dir, ", probe: 50ms")
	d.reload()
	for before, end := issuer.Calls(key), time.Now().Add(patience); issuer.Calls(key)-before < probes; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d probes in %s, not %d\n", issuer.Calls(key)-before, patience, probes)
		}
	}
	figures.note(out, "  while probing every 50 ms", "%8.2f MB", memory(t, pid, "VmRSS"))
	write(dir, "")
	d.reload()
	quiet("after 100 probes")
	figures.note(out, "  most ever", "%8.2f MB", memory(t, pid, "VmHWM"))
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
