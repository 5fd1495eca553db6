package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/test/need"
)

// snippets are the blocks of one language in docs/reports.md, as they stand there but for
// where livekey and its sinks are.
func (w *world) snippets(language string) []string {
	w.t.Helper()
	text, err := os.ReadFile("../../docs/reports.md")
	must(w.t, err)
	var all []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllSubmatch(text, -1) {
		s := strings.ReplaceAll(string(m[1]), "/run/livekey", w.dir)
		s = strings.Replace(s, "/var/log/nginx", w.dir, 1)
		all = append(all, s)
	}
	if len(all) == 0 {
		w.t.Fatalf("docs/reports.md has no %s", language)
	}
	return all
}

func (w *world) write(name, text string) {
	w.t.Helper()
	must(w.t, os.MkdirAll(filepath.Dir(w.path(name)), 0o700))
	must(w.t, os.WriteFile(w.path(name), []byte(text), 0o600))
}

// What stands for Anthropic's SDKs, which nobody installs here: as much of each as the
// snippets use, with the names that it has there.
const (
	pythonSDK = `
import os, urllib.error, urllib.request

class AuthenticationError(Exception): pass

class Anthropic:
    def __init__(self, api_key): self.key = api_key
    def models(self):
        headers = {"x-api-key": self.key, "anthropic-version": "2023-06-01"}
        try:
            urllib.request.urlopen(urllib.request.Request(os.environ["ISSUER"] + "/v1/models", headers=headers)).close()
        except urllib.error.HTTPError as e:
            raise AuthenticationError() if e.code == 401 else e
`
	pythonApp = `
import sys
print("ready", flush=True)
sys.stdin.readline()
ask(lambda c: c.models())
print("answered", flush=True)
`
	nodeSDK = `
export default class Anthropic {
  static AuthenticationError = class extends Error {};
  constructor({ apiKey }) {
    this.models = { list: async () => {
      const res = await fetch(process.env.ISSUER + "/v1/models", { headers: { "x-api-key": apiKey, "anthropic-version": "2023-06-01" } });
      if (res.status === 401) throw new Anthropic.AuthenticationError();
      return res.json();
    } };
  }
}
`
	nodeApp = `
import { ask } from "./ask.mjs";
console.log("ready");
process.stdin.once("data", async () => { await ask(); console.log("answered"); process.exit(0); });
`
	goSDK = `package anthropic

import (
	"errors"
	"net/http"
	"os"

	"github.com/anthropics/anthropic-sdk-go/option"
)

type Error struct{ StatusCode int }

func (e *Error) Error() string { return http.StatusText(e.StatusCode) }

type Client struct{ key string }

func NewClient(o option.Option) Client { return Client{string(o)} }

func (c *Client) Models() error {
	req, err := http.NewRequest(http.MethodGet, os.Getenv("ISSUER")+"/v1/models", nil)
	if err != nil {
		return err
	}
	req.Header.Set("x-api-key", c.key)
	req.Header.Set("anthropic-version", "2023-06-01")
	resp, err := http.DefaultClient.Do(req)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = &Error{resp.StatusCode}
	}
	return errors.Join(err)
}
`
	goApp = `package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

func main() {
	key, err := loadKey(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client := anthropic.NewClient(option.WithAPIKey(key))
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	if err := ask(context.Background(), &client, (*anthropic.Client).Models); err != nil {
		log.Fatal(err)
	}
	fmt.Println("answered")
}
`
)

// A consumer as docs/reports.md shows it lives through a rotation and a revocation: it
// reports its 401, reads the new key, tries again, and says which version it has.
func TestTheSnippetsLiveThroughARotation(t *testing.T) {
	for _, c := range []struct {
		language string
		needs    need.Thing
		app      func(w *world) *exec.Cmd
	}{
		{"python", need.Program("python3"), func(w *world) *exec.Cmd {
			w.write("app/anthropic.py", pythonSDK)
			w.write("app/app.py", strings.Join(w.snippets("python"), "\n")+pythonApp)
			return exec.Command("python3", w.path("app/app.py"))
		}},
		{"typescript", need.Program("node"), func(w *world) *exec.Cmd {
			s := w.snippets("typescript")
			w.write("app/node_modules/@anthropic-ai/sdk/package.json", `{"type": "module", "main": "index.js"}`)
			w.write("app/node_modules/@anthropic-ai/sdk/index.js", nodeSDK)
			w.write("app/livekey.mjs", s[0])
			w.write("app/ask.mjs", s[1])
			w.write("app/app.mjs", nodeApp)
			return exec.Command("node", w.path("app/app.mjs"))
		}},
		{"go", need.Linux, func(w *world) *exec.Cmd {
			s := w.snippets("go")
			w.write("app/go.mod", "module app\n\ngo 1.24\n\nrequire github.com/anthropics/anthropic-sdk-go v1.0.0\n\nreplace github.com/anthropics/anthropic-sdk-go => ./sdk\n")
			w.write("app/sdk/go.mod", "module github.com/anthropics/anthropic-sdk-go\n")
			w.write("app/sdk/anthropic.go", goSDK)
			w.write("app/sdk/option/option.go", "package option\n\ntype Option string\n\nfunc WithAPIKey(key string) Option { return Option(key) }\n")
			w.write("app/livekey.go", s[0])
			w.write("app/ask.go", s[1])
			w.write("app/main.go", goApp)
			build := exec.Command("go", "build", "-o", w.path("app/app"), ".")
			build.Dir, build.Env = w.path("app"), append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
			if out, err := build.CombinedOutput(); err != nil {
				w.t.Fatalf("build the snippet: %v\n%s", err, out)
			}
			return exec.Command(w.path("app/app"))
		}},
	} {
		t.Run(c.language, func(t *testing.T) {
			need.All(t, "P4: a consumer in "+c.language+" lives through a rotation", c.needs)
			w := newWorld(t)
			w.configure("keys:\n" + fileKey("ANTHROPIC_API_KEY") + twoSinks)
			old := w.newKey()
			w.put("ANTHROPIC_API_KEY", old)
			w.start().awaitReady()
			app := c.app(w)
			app.Env = append(os.Environ(), "ISSUER="+w.vars["ISSUER"])
			said, tell := talk(t, app)
			if line := said(); line != "ready" {
				t.Fatalf("it says %q", line)
			}
			fresh := w.newKey()
			w.put("ANTHROPIC_API_KEY", fresh)
			w.until("the new key is delivered", patience, w.holds(map[string]string{"ANTHROPIC_API_KEY": fresh}))
			w.issuer.Revoke(old)
			tell()
			if line := said(); line != "answered" {
				t.Fatalf("it says %q", line)
			}
			adopted := w.key("ANTHROPIC_API_KEY").Adoption
			if len(adopted) != 1 || adopted[0].Stage != key.StageCurrent || adopted[0].How != "said so itself" {
				t.Errorf("adoption %+v", adopted)
			}
			if !strings.Contains(w.daemon.said(), "refusal reported") {
				t.Error("nobody reported a refusal")
			}
		})
	}
}

// talk starts a program: said is its next line, tell lets it go on.
func talk(t *testing.T, cmd *exec.Cmd) (said func() string, tell func()) {
	t.Helper()
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	must(t, cmd.Start())
	kill := time.AfterFunc(2*patience, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		kill.Stop()
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed, or ended by itself
		if t.Failed() {
			t.Log(complaints.String())
		}
	})
	lines := bufio.NewScanner(out)
	return func() string { lines.Scan(); return lines.Text() }, func() { _, _ = fmt.Fprintln(in) }
}

func TestTheSnippetForCurl(t *testing.T) {
	need.All(t, "P4: curl reports a 401", need.Program("curl"))
	w := newWorld(t)
	w.configure("keys:\n" + fileKey("ANTHROPIC_API_KEY") + twoSinks)
	w.put("ANTHROPIC_API_KEY", w.newKey())
	w.start().awaitReady()
	out, err := exec.Command("sh", "-c", w.snippets("sh")[0]).CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"verdict":"fine"`) {
		t.Errorf("%v: %s", err, out)
	}
}

// nginx logs what its upstream refused, and the line is a report.
func TestTheSnippetForNginx(t *testing.T) {
	need.All(t, "P4: a refusal in nginx's log is a report", need.Program("nginx"))
	w := newWorld(t)
	upstream := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refused" {
			rw.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer upstream.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	must(t, l.Close())
	yaml := w.snippets("yaml")
	proxied := strings.ReplaceAll(yaml[len(yaml)-1], "api.anthropic.com", strings.TrimPrefix(upstream.URL, "http://"))
	w.configure("keys:\n  K:\n    from: file://$DIR/source/K\n    provider: anthropic\n    base_url: $ISSUER\n" + proxied + twoSinks)
	w.put("K", w.newKey())
	w.start().awaitReady()
	w.write("nginx.conf", fmt.Sprintf(`
daemon off; master_process off; pid %[1]s/nginx.pid; error_log stderr;
events {}
http {
  client_body_temp_path %[1]s/tmp; proxy_temp_path %[1]s/tmp; fastcgi_temp_path %[1]s/tmp; uwsgi_temp_path %[1]s/tmp; scgi_temp_path %[1]s/tmp;
  %[2]s
  server { listen %[3]s; location / { proxy_pass %[4]s; } }
}
`, w.dir, w.snippets("nginx")[0], address, upstream.URL))
	nginx := exec.Command("nginx", "-p", w.dir, "-e", "stderr", "-c", w.path("nginx.conf"))
	var complaints strings.Builder
	nginx.Stderr = &complaints
	must(t, nginx.Start())
	defer func() { _ = nginx.Process.Kill(); _ = nginx.Wait() }()
	get := func(path string) error {
		resp, err := http.Get("http://" + address + path)
		if err == nil {
			err = resp.Body.Close()
		}
		return err
	}
	w.until("nginx answers", patience, func() error { return get("/fine") })
	w.until("the log is followed", patience, func() error { // it begins at its end
		if len(w.key("K").UnreadLogs) > 0 {
			return fmt.Errorf("%s; %s", w.key("K").UnreadLogs, complaints.String())
		}
		return nil
	})
	if strings.Contains(w.daemon.said(), "refusal reported") {
		t.Fatal("an answer that was none is a report")
	}
	must(t, get("/refused"))
	w.until("the refusal is reported", patience, func() error {
		if !strings.Contains(w.daemon.said(), "refusal reported") {
			return fmt.Errorf("not reported: %s", complaints.String())
		}
		return nil
	})
}

// Users of the machine, none of whom has an entry anywhere.
const (
	member, owner, stranger = 64001, 64002, 64003
	sinkGroup               = 64010
)

func TestWhoMayReportAKey(t *testing.T) {
	need.All(t, "P7: users speak for the keys of their own sinks alone", need.Linux, need.Root, need.Program("python3"))
	w := newWorld(t)
	w.configure("keys:\n" + fileKey("SHARED") + fileKey("OWNED") + fmt.Sprintf(`
sinks:
  shared: {kind: env_file, path: $DIR/sinks/app/shared.env, keys: [SHARED], mode: "0640", group: "%d"}
  owned: {kind: env_file, path: $DIR/sinks/app/owned.env, keys: [OWNED], owner: "%d"}
`, sinkGroup, owner))
	must(t, os.Chmod(w.dir, 0o711))
	must(t, os.Chmod(w.path(configName), 0o644))
	w.put("SHARED", w.newKey())
	w.put("OWNED", w.newKey())
	w.start().awaitReady()
	as := func(uid uint32, groups ...uint32) func(args ...string) (int, string) {
		return func(args ...string) (int, string) {
			cmd := w.command(t.Context(), append(args, "--config", w.path(configName))...)
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid, Groups: groups}}
			out, _ := cmd.CombinedOutput() // the exit code says it
			return cmd.ProcessState.ExitCode(), string(out)
		}
	}

	// Somebody who takes all the connections that he can get keeps nobody else out.
	const crowd = `import socket, sys, time
all = [socket.socket(socket.AF_UNIX) for _ in range(300)]
for s in all:
    s.settimeout(1)
    try: s.connect(sys.argv[1])
    except OSError: pass
print("full", flush=True)
time.sleep(60)`
	hog := exec.Command("/usr/bin/python3", "-c", crowd, w.path("report.sock"))
	hog.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	if said, _ := talk(t, hog); said() != "full" {
		t.Fatal("the crowd did not come")
	}

	for _, c := range []struct {
		rule string
		who  func(...string) (int, string)
		key  string
		exit int
	}{
		{"a member of the group", as(member, sinkGroup), "SHARED", 0},
		{"not for another sink's key", as(member, sinkGroup), "OWNED", 2},
		{"the owner", as(owner), "OWNED", 0},
		{"not for another's key", as(owner), "SHARED", 2},
		{"a stranger with other groups", as(member, 64011, 64012), "SHARED", 2},
		{"for a key that is none", as(member, sinkGroup), "NEITHER", 2},
		{"root, for all", as(0), "OWNED", 0},
	} {
		exit, out := c.who("report", c.key)
		if exit != c.exit || exit == 2 && !strings.HasPrefix(out, "livekey: no such key for you: ") {
			t.Errorf("%s: exit %d, want %d\n%s", c.rule, exit, c.exit, out)
		}
	}
	if exit, out := as(member, sinkGroup)("status"); exit != 4 || !strings.Contains(out, "no permission for socket") {
		t.Errorf("the daemon's own socket: exit %d\n%s", exit, out)
	}
}
