package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

const (
	configName = "livekey.yaml"
	logName    = "daemon.log"

	// patience is how long a test waits for what has to happen: a loaded machine
	// is no broken promise.
	patience = 20 * time.Second
)

// ours is the account that owns the keys of the tests.
var ours = fakeissuer.Account{Organization: "0b9f3a52-6f3a-4f0e-9d1c-e2e0c0ffee01", Workspace: "wrkspc_01Ours"}

// common is what every config of the tests says; $DIR and the like are filled in.
// The intervals are allowed because every far end is on loopback.
const common = `
alerts:
  ops: {kind: webhook, url: "$HOOK", secret_file: $DIR/hook-secret}
policy:
  refresh: 200ms
  probe: 200ms
  confirm: {times: 3, over: 600ms}
  budget: 1000000
startup_wait: $WAIT
state_dir: $DIR/state
socket: $DIR/livekey.sock
log: {level: debug, format: json}
`

// twoSinks delivers all keys to an env file and a directory.
const twoSinks = `
sinks:
  app: {kind: env_file, path: $DIR/sinks/app/app.env, dialect: systemd, keys: all}
  files: {kind: directory, path: $DIR/sinks/files, $REQUIRE_TMPFS keys: all}
`

// A world is one installation and the far ends around it.
type world struct {
	t      testing.TB
	dir    string
	issuer *fakeissuer.Issuer
	hook   *receiver
	vars   map[string]string // what a config may name

	environ []string // more environment for livekey
	daemon  *daemon  // the current life
	lives   int
	printed []output // of every command
}

// An output is something that livekey let out.
type output struct {
	where string
	bytes []byte
}

// newWorld makes one in memory where that is possible; it ends with the test.
func newWorld(t testing.TB) *world {
	t.Helper()
	parent := os.TempDir()
	memory := ""
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		parent, memory = "/dev/shm", "require_tmpfs: true,"
	}
	dir, err := os.MkdirTemp(parent, "livekey-e2e-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	w := &world{t: t, dir: dir, issuer: fakeissuer.New(), hook: newReceiver(t)}
	url, stop, err := w.issuer.Start()
	must(t, err)
	t.Cleanup(stop)
	w.vars = map[string]string{"DIR": dir, "ISSUER": url, "HOOK": w.hook.url, "WAIT": "5s", "REQUIRE_TMPFS": memory}
	for _, name := range []string{"home", "tmp", "new", "state", "source", "sinks", "sinks/app"} {
		must(t, os.Mkdir(w.path(name), 0o700))
	}
	must(t, os.WriteFile(w.path("hook-secret"), []byte(hookSecret), 0o600))
	return w
}

func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

// configure writes the config: text beside what is common to all.
func (w *world) configure(text string) {
	w.t.Helper()
	fill := func(text string) string {
		return os.Expand(text, func(name string) string { return w.vars[name] })
	}
	config := fill(fill(text + common)) // what is filled in may name others
	must(w.t, os.WriteFile(w.path(configName), []byte(config), 0o600))
}

// fileKey is a key's entry that takes it from a source file of its own name.
func fileKey(name string) string {
	return fmt.Sprintf("  %s: {from: file://$DIR/source/%s, provider: anthropic, base_url: $ISSUER}\n", name, name)
}

// put replaces a source file whole, by rename.
func (w *world) put(name, content string) {
	w.t.Helper()
	made := w.path("new", name)
	must(w.t, os.WriteFile(made, []byte(content), 0o600))
	must(w.t, os.Rename(made, w.path("source", name)))
}

// newKey makes up a key that the issuer knows.
func (w *world) newKey() string {
	v := fakeissuer.NewAnthropicKey()
	w.issuer.Add(v, ours)
	return v
}

func (w *world) remember(where string, outputs ...[]byte) {
	for _, b := range outputs {
		w.printed = append(w.printed, output{where, b})
	}
}

// until looks again and again until look finds nothing wrong. What it finds must
// not quote a value.
func (w *world) until(what string, limit time.Duration, look func() error) time.Duration {
	w.t.Helper()
	began := time.Now()
	for {
		err := look()
		took := time.Since(began)
		switch {
		case err == nil:
			return took
		case took > limit:
			w.t.Fatalf("%s: not within %s: %v\n%s", what, limit, err, w.daemon.lastWords())
		case w.daemon != nil && w.daemon.ended():
			w.t.Fatalf("%s: livekey ended by itself (%v)\n%s", what, w.daemon.cmd.ProcessState, w.daemon.lastWords())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// throughout wants look to find nothing wrong for the whole time.
func (w *world) throughout(what string, d time.Duration, look func() error) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err := look(); err != nil {
			w.t.Fatalf("%s: %v\n%s", what, err, w.daemon.lastWords())
		}
	}
}

// holds says what is wrong with the sinks: both must hold want, and nothing else.
func (w *world) holds(want map[string]string) func() error {
	return func() error {
		env, err := readEnv(w.path("sinks/app/app.env"))
		if err != nil {
			return err
		}
		files, err := readDirectory(w.path("sinks/files"))
		if err != nil {
			return err
		}
		return errors.Join(differs("env file", env, want), differs("directory", files, want))
	}
}

// differs names the variables in which a sink is not as it should be.
func differs(sink string, got, want map[string]string) error {
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if v, ok := got[name]; !ok {
			wrong = append(wrong, name+" is missing")
		} else if v != want[name] {
			wrong = append(wrong, name+" has another value")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			wrong = append(wrong, name+" should not be there")
		}
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("%s: %s", sink, strings.Join(wrong, ", "))
}

// readEnv reads an env file as an app does.
func readEnv(path string) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		all[name] = strings.Trim(value, `"`)
	}
	return all, nil
}

// readDirectory reads every variable of a directory sink through one open of
// ..data. A generation that is removed while it is being read is read anew.
func readDirectory(path string) (all map[string]string, err error) {
	for range 5 {
		if all, err = readGeneration(path); !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	return all, err
}

func readGeneration(path string) (map[string]string, error) {
	root, err := os.OpenRoot(filepath.Join(path, "..data"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, name := range names {
		if strings.HasPrefix(name, ".") {
			continue
		}
		b, err := root.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all[name] = string(b)
	}
	return all, nil
}

// status is what `livekey status` says.
func (w *world) status() report.Status {
	w.t.Helper()
	r := w.livekey("status", "--output", "json")
	var s report.Status
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil {
		w.t.Fatalf("livekey status exits %d with no JSON: %v\n%s", r.exit, err, r.stderr)
	}
	return s
}

// key is one key of the status.
func (w *world) key(name string) report.Key {
	w.t.Helper()
	for _, k := range w.status().Keys {
		if string(k.Name) == name {
			return k
		}
	}
	w.t.Fatalf("livekey status shows no key %s", name)
	return report.Key{}
}

// openAlert is the open alert of a cause and key.
func (w *world) openAlert(cause key.Cause, name string) (alerts.Data, error) {
	w.t.Helper()
	for _, a := range w.status().Alerts {
		if a.Cause == cause && string(a.Key) == name {
			return a, nil
		}
	}
	return alerts.Data{}, fmt.Errorf("no open alert %s of %s", cause, name)
}

// awaitWebhook waits for one of a type, cause and key, and returns its alert's id.
func (w *world) awaitWebhook(typ alerts.Type, cause key.Cause, name string) (id string) {
	w.t.Helper()
	w.until(fmt.Sprintf("webhook %s %s of %s", typ, cause, name), patience, func() error {
		for _, a := range slices.Backward(w.hook.received()) {
			if a.Type == typ && a.Data.Cause == cause && string(a.Data.Key) == name {
				id = a.Data.ID
				return nil
			}
		}
		return errors.New("not among what was received")
	})
	return id
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
