package e2e

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/test/need"
	"github.com/livekey/livekey/test/servers"
)

const canaryConfig = `
sources:
  tool: {kind: exec, protocol: raw, command: [/bin/sh, $DIR/tool, "{path}"], refresh: 200ms}
  vault: {address: $VAULT, auth: {method: approle, role_id_file: $DIR/role-id, secret_id_file: $DIR/secret-id}}
keys:
  A: {from: file://$DIR/source/A, provider: anthropic, base_url: $HOSTILE}
  O: {from: "file://$DIR/source/O.json#key", provider: openai, base_url: $HOSTILE}
  V: {from: "vault://secret/prod/llm#anthropic", provider: anthropic, base_url: $HOSTILE}
  E: {from: env://E_SOURCE, provider: none}
  T: {from: tool://T, provider: anthropic, base_url: $HOSTILE}
  ODD: {from: file://$DIR/source/ODD, provider: none, form: text}
sinks:
  app: {kind: env_file, path: $DIR/sinks/app/app.env, keys: [A, O, V, E]}
  files: {kind: directory, path: $DIR/sinks/files, keys: all}
`

// A leak is one livekey whose far ends and sources do their worst.
type leak struct {
	*world
	canary        *canary
	vault, issuer *front
	real          *servers.VaultServer
	given         int
}

// secret makes the canary look for v.
func (l *leak) secret(name, v string) string {
	l.given++
	l.canary.add(fmt.Sprintf("%s (%d)", name, l.given), v)
	return v
}

// known is a key that the issuer knows, of an account.
func (l *leak) known(name, v string, a fakeissuer.Account) string {
	l.issuer.next.(*fakeissuer.Issuer).Add(v, a)
	return l.secret(name, v)
}

func (l *leak) newA() string { return l.known("A", fakeissuer.NewAnthropicKey(), ours) }

func (l *leak) newO() {
	v := l.known("O", fakeissuer.NewOpenAIKey(), ours)
	l.put("O.json", fmt.Sprintf(`{"key":%q}`, v))
}

func (l *leak) newV() {
	v := l.known("V", fakeissuer.NewAnthropicKey(), ours)
	l.real.Put("secret", "prod/llm", map[string]any{"anthropic": v})
}

// carelessTool prints the value where it should not, and fails with it when it is told to.
const carelessTool = `cat "$DIR/source/$1" && cat "$DIR/source/$1" >&2 && test ! -e $DIR/tool-fails`

// everyChannel is one of each kind, beside the webhook. They tell the webhook's receiver, which keeps
// what it does not take, and a file.
const everyChannel = `
alerts:
  chat: {kind: slack, url_file: $DIR/hook-url}
  duty: {kind: pagerduty, routing_key_file: $DIR/routing-key, endpoint: "$HOOK"}
  am: {kind: alertmanager, urls: ["$HOOK"], repeat: 1s}
  script: {kind: exec, command: [/bin/sh, -c, 'cat >>$DIR/told; env >>$DIR/told']}
`

// odd is a value that every escape writes in its own way.
func odd() string { return `p+1/X=%&"<` + rand.Text() + `~é\#'>?` + rand.Text() + `^|{}` }

func newLeak(t *testing.T) *leak {
	t.Helper()
	v := servers.Vault(t)
	v.ReadPolicy("reader", "secret/data/prod/llm")
	w := newWorld(t)
	u, err := url.Parse(v.URL)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	l := &leak{world: w, canary: newCanary(), vault: newFront(t, proxy), issuer: newFront(t, w.issuer), real: v}
	w.vars["VAULT"], w.vars["HOSTILE"], w.vars["WAIT"] = l.vault.url, l.issuer.url, "3s"
	w.vars["APPROLE"] = "approle"
	giveAppRole(w, v, "reader")
	secretID, err := os.ReadFile(w.path("secret-id"))
	must(t, err)
	l.secret("secret id", string(secretID))
	l.secret("webhook secret", hookSecret)
	w.environ = []string{"E_SOURCE=" + odd(), "GOTRACEBACK=all"}
	l.secret("E", strings.TrimPrefix(w.environ[0], "E_SOURCE="))
	w.put("ODD", l.secret("ODD", odd()))
	w.put("A", l.newA())
	w.put("T", l.newA())
	l.newO()
	l.newV()
	w.configure(canaryConfig)
	must(t, os.WriteFile(w.path("tool"), []byte(os.Expand(carelessTool, func(name string) string {
		return cmp.Or(w.vars[name], "$"+name)
	})), 0o600))
	must(t, os.WriteFile(w.path("hook-url"), []byte(w.hook.url), 0o600))
	must(t, os.WriteFile(w.path("routing-key"), []byte("routing-key"), 0o600))
	must(t, os.Mkdir(w.path("livekey.d"), 0o700))
	must(t, os.WriteFile(w.path("livekey.d/channels.yaml"), []byte(os.Expand(everyChannel, func(name string) string { return w.vars[name] })), 0o600))
	return l
}

func TestNoValueEscapes(t *testing.T) {
	need.All(t, "P7: no value in any output, at log level debug", need.Linux, need.Root)
	t.Parallel()
	l := newLeak(t)
	d := l.start()
	d.awaitReady()
	l.searchProcess(d)

	l.badCandidates()
	for _, tr := range echoes() {
		l.issuer.begin(tr)
		l.vault.begin(tr)
		l.put("A", l.newA())
		l.put("T", l.newA())
		l.newO()
		l.newV()
		time.Sleep(700 * time.Millisecond)
		l.bothWays("status")
		l.bothWays("check")
		l.issuer.end()
		l.vault.end()
	}
	l.deadAndBroken()
	l.everyCommand()
	d.kill()
	d = l.start()
	d.awaitReady()
	l.searchProcess(d)

	// The dump of all goroutines that Go prints.
	if exit, _ := d.signal(syscall.SIGQUIT); exit != 2 || !strings.Contains(d.said(), "goroutine ") {
		t.Errorf("SIGQUIT printed no goroutines and exits %d", exit)
	}
	l.searchAll()
}

// bothWays runs a command for people and for programs.
func (l *leak) bothWays(args ...string) {
	l.t.Helper()
	l.livekeyWith(40*time.Second, args...)
	l.livekeyWith(40*time.Second, append(args, "--output", "json")...)
}

// badCandidates offers all that is refused, one after the other, while a tool fails.
func (l *leak) badCandidates() {
	l.t.Helper()
	must(l.t, os.WriteFile(l.path("tool-fails"), nil, 0o600))
	defer func() { must(l.t, os.Remove(l.path("tool-fails"))) }()
	l.bothWays("check", "T")
	theirs := fakeissuer.Account{Organization: "7c2e8d14-1b7d-4a55-8f6e-e2e0c0ffee02"}
	for _, content := range []string{
		l.newA() + "\n", `"` + l.newA() + `"`, "Bearer " + l.newA(), "export A=" + l.newA(), "A=" + l.newA(),
		"\ufeff" + l.newA(), l.newA() + "\x00" + l.newA(), l.newA() + "\u200b", "${" + l.newA() + "}", l.newA()[:60],
		l.known("A", fakeissuer.NewOpenAIKey(), ours),
		l.secret("dead A", fakeissuer.NewAnthropicKey()),
		l.known("misplaced A", fakeissuer.NewAnthropicKey(), theirs),
	} {
		l.put("A", content)
		time.Sleep(150 * time.Millisecond)
		l.bothWays("check", "A")
	}
	time.Sleep(1200 * time.Millisecond) // the last one's alert
	l.bothWays("status")
	for _, broken := range []string{`{"key":%q`, `{"KEY":%q}`, `[%q]`, `{"key":[%q]}`, `{"key":{"a":%q}}`, `{%q:1,%[1]q:2}`, `key=%q`} {
		l.put("O.json", fmt.Sprintf(broken, l.known("broken O", fakeissuer.NewOpenAIKey(), ours)))
		time.Sleep(150 * time.Millisecond)
		l.bothWays("check", "O")
	}
	l.bothWays("status")
	for _, data := range []map[string]any{
		{"other": l.secret("other field", fakeissuer.NewAnthropicKey())},
		{"anthropic": map[string]any{"nested": l.secret("nested field", fakeissuer.NewAnthropicKey())}},
		{l.secret("name of a field", fakeissuer.NewAnthropicKey()): "x"},
	} {
		l.real.Put("secret", "prod/llm", data)
		time.Sleep(400 * time.Millisecond)
		l.bothWays("check", "V")
		l.bothWays("status")
	}
}

// deadAndBroken lets the current key die, the sinks be edited by hand and fail.
func (l *leak) deadAndBroken() {
	l.t.Helper()
	current := l.newA()
	l.put("A", current)
	l.newO()
	l.newV()
	l.until("the sinks have the new key again", patience, func() error {
		env, err := readEnv(l.path("sinks/app/app.env"))
		if err == nil && env["A"] != current {
			err = errNotYet
		}
		return err
	})
	l.world.issuer.Revoke(current)
	l.awaitWebhook(alerts.Opened, key.KeyDead, "A")
	l.bothWays("status")

	path := l.path("sinks/app/app.env")
	must(l.t, os.WriteFile(path, []byte("A="+l.secret("by hand", fakeissuer.NewAnthropicKey())+"\nnonsense "+l.secret("by hand", fakeissuer.NewAnthropicKey())+"\n"), 0o600))
	l.put("A", l.newA())
	time.Sleep(time.Second)
	l.bothWays("status")
	must(l.t, os.RemoveAll(l.path("sinks/app")))
	must(l.t, os.WriteFile(l.path("sinks/app"), nil, 0o600))
	l.put("A", l.newA())
	time.Sleep(time.Second)
	l.bothWays("status")
	must(l.t, os.Remove(l.path("sinks/app")))
}

// everyCommand runs what the CLI has, with values where users put them by mistake.
func (l *leak) everyCommand() {
	l.t.Helper()
	for _, args := range [][]string{
		{"refresh"},
		{"refresh", "NOSUCH"},
		{"wait", "--timeout", "100ms"},
		{"approve", "A"},
		{"pause", "A", "--for", "1m", "--reason", "freeze"},
		{"resume", "A"},
		{"config", "check"},
		{"config", "show"},
		{"providers"},
		{"version"},
		{"clean"},
		{"once"},
		{"run"},
		{"check", "--env-file", l.path("sinks/files/..data/A")},
	} {
		l.livekeyWith(40*time.Second, args...)
	}
	stdin := l.command(l.t.Context(), "check", "--stdin", "--provider", "anthropic", "--config", l.path(configName))
	stdin.Stdin = strings.NewReader(l.secret("on stdin", fakeissuer.NewOpenAIKey()) + "\n")
	out, _ := stdin.CombinedOutput() // whatever it says
	l.remember("livekey check --stdin", out)

	dotenv := l.path("source/dotenv")
	must(l.t, os.WriteFile(dotenv, []byte("OPENAI_API_KEY='"+l.secret("in .env", fakeissuer.NewOpenAIKey())+"'\nbroken "+l.secret("in .env", fakeissuer.NewOpenAIKey())+"\n"), 0o600))
	l.livekeyWith(40*time.Second, "check", "--env-file", dotenv)

	// A config that has values where only places belong.
	good, err := os.ReadFile(l.path(configName))
	must(l.t, err)
	value := func() string { return l.secret("in a config", fakeissuer.NewAnthropicKey()) }
	for _, bad := range []string{
		"keys:\n  A: " + value() + "\n",
		"keys:\n  A: {from: " + value() + ", provider: anthropic}\n",
		"keys:\n  A: {from: \"file:///x#" + value() + "\", provider: " + value() + ", value: " + value() + "}\n",
		"keys:\n  " + value() + ": {from: file:///x}\n",
		"sources:\n  vault: {address: \"https://u:" + value() + "@h/\", auth: {method: token, token: " + value() + "}}\n",
		"alerts:\n  ops: {kind: webhook, url: \"https://h/?" + value() + "\", secret: " + value() + "}\n",
		"policy: {probe: " + value() + ", budget: " + value() + "}\n" + value() + ": 1\n",
		"keys: [" + value() + "\n  ]: {" + value(),
		"A=" + value() + "\n",
		"state_dir: " + value() + "\nsocket: " + value() + "\nlog: {level: " + value() + ", format: " + value() + "}\n",
	} {
		if !strings.Contains(bad, "state_dir") { // never the machine's own
			bad = "state_dir: " + l.path("state") + "\nsocket: " + l.path("other.sock") + "\n" + bad
		}
		must(l.t, os.WriteFile(l.path("source/livekey.yaml"), []byte(bad), 0o600))
		must(l.t, os.Rename(l.path("source/livekey.yaml"), l.path(configName)))
		for _, args := range [][]string{{"config", "check"}, {"config", "show"}, {"run"}, {"check"}, {"status"}} {
			l.livekeyWith(10*time.Second, args...)
		}
	}
	must(l.t, os.WriteFile(l.path(configName), good, 0o600))
}

// searchProcess looks at what the kernel shows of a process; only root may look.
func (l *leak) searchProcess(d *daemon) {
	l.t.Helper()
	for _, name := range []string{"cmdline", "environ", "comm", "status", "maps"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", d.pid(), name))
		must(l.t, err)
		if name == "environ" { // where a source is the environment, its value is there from the start
			b = []byte(strings.ReplaceAll(string(b), l.environ[0], ""))
		}
		for _, what := range l.canary.search(b) {
			l.t.Errorf("/proc/PID/%s: %s", name, what)
		}
	}
}

// searchAll looks at whatever livekey printed, sent or stored, but for the places
// where values belong. It fails if there was too little to look at.
func (l *leak) searchAll() {
	l.t.Helper()
	found := map[string]bool{}
	for _, o := range l.printed {
		for _, what := range l.canary.search(o.bytes) {
			found[o.where+": "+what] = true
		}
	}
	for _, b := range l.hook.everything() {
		for _, what := range l.canary.search(b) {
			found["a webhook: "+what] = true
		}
	}
	belong := []string{"source/", "sinks/", "secret-id", "hook-secret"}
	for _, where := range l.canary.searchTree(l.t, l.dir, belong...) {
		found[where] = true
	}
	for where := range found {
		l.t.Error("a value is in " + where)
	}
	log, err := os.ReadFile(l.path(logName))
	must(l.t, err)
	if !strings.Contains(string(log), `"level":"DEBUG"`) || len(l.printed) < 100 || len(l.hook.received()) < 5 {
		l.t.Errorf("too little was searched: %d outputs, %d webhooks", len(l.printed), len(l.hook.received()))
	}
	if told, err := os.ReadFile(l.path("told")); err != nil || !strings.Contains(string(told), "LIVEKEY_CAUSE=key_dead") || !strings.Contains(string(log), "exit code 1") {
		l.t.Errorf("no program was told of an alert (%v), or none failed", err)
	}
	l.t.Logf("%d values in %d bytes of %d outputs, %d webhooks and files", l.given, l.canary.searched, len(l.printed), len(l.hook.received()))

	// The search is one that finds: the same, with a value in the journal's folder.
	must(l.t, os.WriteFile(l.path("state/planted"), []byte(`{"key":"`+l.secret("planted", fakeissuer.NewAnthropicKey())+`"}`), 0o600))
	// What is searched must be what was offered: the sources are full of it.
	must(l.t, os.WriteFile(l.path("source/A"), []byte(l.newA()), 0o600))
	if len(l.canary.searchTree(l.t, l.dir, belong...)) == 0 || len(l.canary.searchTree(l.t, l.path("source"))) == 0 {
		l.t.Error("a planted value was not found")
	}
}

func TestACrashLeavesNoCore(t *testing.T) {
	need.All(t, "P7: a crash leaves no core dump", need.Linux)
	t.Parallel()
	if pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern"); err != nil || strings.HasPrefix(string(pattern), "|") {
		t.Logf("cores go to %q here: only the kernel's word is judged", pattern)
	}
	// That a process of this shell dumps a core shows that the test can fail.
	dumps := exec.Command("/bin/sh", "-c", "ulimit -c unlimited && kill -ABRT $$")
	dumps.Dir = t.TempDir()
	_ = dumps.Run()
	if !dumps.ProcessState.Sys().(syscall.WaitStatus).CoreDump() {
		t.Log("nobody dumps a core on this machine: this proves little")
	}
	for _, sig := range []syscall.Signal{syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGQUIT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.environ = []string{"GOTRACEBACK=crash"}
			w.configure("keys:\n" + fileKey("A") + twoSinks)
			c := newCanary()
			v := w.newKey()
			c.add("A", v)
			w.put("A", v)
			d := w.startWith("run", func(cmd *exec.Cmd) {
				cmd.Args = append([]string{"sh", "-c", `ulimit -c unlimited && exec "$0" "$@"`, binary}, cmd.Args[1:]...)
				cmd.Path = "/bin/sh"
			})
			d.awaitReady()
			d.signal(sig)
			state := d.cmd.ProcessState.Sys().(syscall.WaitStatus)
			if state.CoreDump() {
				t.Errorf("%v leaves a core dump", sig)
			}
			if state.ExitStatus() == 0 {
				t.Errorf("%v did not end it: %v", sig, d.cmd.ProcessState)
			}
			cores, err := filepath.Glob(w.path("core*"))
			must(t, err)
			if found := c.searchTree(t, w.dir, "source/", "sinks/"); len(cores) > 0 || len(found) > 0 {
				t.Errorf("%v: cores %v, found %v", sig, cores, found)
			}
		})
	}
}

// A consumer that was broken into may run as livekey's own user.
func TestTheSameUserCannotReadTheProcess(t *testing.T) {
	need.All(t, "P7: environment and memory are out of reach of the same user", need.Linux, need.Root)
	t.Parallel()
	w := newWorld(t)
	w.environ = []string{"E_SOURCE=" + odd()}
	w.configure("keys:\n  E: {from: env://E_SOURCE, provider: none}\n" + strings.ReplaceAll(twoSinks, "app/app.env, dialect: systemd", "app/app.env, dialect: docker"))
	drop := w.asNobody()
	d := w.startWith("run", drop)
	d.awaitReady()
	for _, name := range []string{"environ", "mem", "maps"} {
		peek := exec.Command("head", "-c", "1", fmt.Sprintf("/proc/%d/%s", d.pid(), name))
		peek.SysProcAttr = childAttr()
		drop(peek)
		if out, err := peek.CombinedOutput(); err == nil || !strings.Contains(string(out), "denied") {
			t.Errorf("the same user reads /proc/PID/%s: %v", name, err)
		}
	}
	// The same look at a process that does not protect itself succeeds.
	sleep := exec.Command("sleep", "60")
	sleep.SysProcAttr = childAttr()
	drop(sleep)
	must(t, sleep.Start())
	t.Cleanup(func() { _ = sleep.Process.Kill(); _ = sleep.Wait() })
	peek := exec.Command("head", "-c", "1", fmt.Sprintf("/proc/%d/environ", sleep.Process.Pid))
	peek.SysProcAttr = childAttr()
	drop(peek)
	if out, err := peek.CombinedOutput(); err != nil {
		t.Errorf("the control cannot be read either: %v %s", err, out)
	}
}
