// Package holders_test keeps a zoo of real processes that were started with a key, each
// in a way of its own, and looks at it with the real scan: as root, as nobody, while
// they are born and die. What a scan says is searched for values each time.
package holders_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/test/need"
)

// patience is how long a test waits for what has to happen: a loaded machine is no
// broken promise. A minute, the life of an animal that nobody ends, is far more.
const patience = 10 * time.Second

// roles are what this binary is when it is started as an animal, by its first argument.
var roles = map[string]func() error{
	"look":  lookRole,
	"grow":  growRole,
	"reuse": reuseRole,
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			if err := role(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	os.Exit(m.Run())
}

// A zoo is the animals of one test, and the values that they hold.
type zoo struct {
	t      *testing.T
	looker holders.Looker
	hasher secret.Hasher
	salt   string

	mu     sync.Mutex
	values []string
}

func newZoo(t *testing.T, promise string, things ...need.Thing) *zoo {
	t.Helper()
	need.All(t, promise, append(things, need.Linux)...)
	salt := random(32)
	return &zoo{
		t: t, salt: salt, hasher: secret.NewHasher(secret.New([]byte(salt))),
		looker: holders.NewLocal(holders.Options{}),
	}
}

// random is n bytes in hex.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// value makes up a key, which no scan may ever say.
func (z *zoo) value() string {
	v := "sk-ant-api03-" + random(40)
	z.mu.Lock()
	defer z.mu.Unlock()
	z.values = append(z.values, v)
	return v
}

func (z *zoo) print(value string) key.Fingerprint { return z.hasher.Part(secret.New([]byte(value))) }

// wanted asks for values.
func (z *zoo) wanted(values ...string) holders.Wanted {
	w := holders.Wanted{Hasher: z.hasher}
	for _, v := range values {
		w.Prints = append(w.Prints, z.print(v))
	}
	return w
}

// keep starts an animal with nothing but env, and ends it and its group with the test.
func (z *zoo) keep(env []string, name string, args ...string) *exec.Cmd {
	z.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = env
	return z.start(cmd)
}

func (z *zoo) start(cmd *exec.Cmd) *exec.Cmd {
	z.t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	must(z.t, cmd.Start())
	z.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	return cmd
}

// look scans once, and searches what it said for values.
func (z *zoo) look(w holders.Wanted) holders.Scan {
	z.t.Helper()
	s, err := z.looker.Look(z.t.Context(), w)
	if err != nil {
		z.t.Fatalf("nobody looked: %v", err)
	}
	z.canary(s)
	return s
}

// canary searches a scan, as it is sent and as it is printed, for pieces of values.
func (z *zoo) canary(s holders.Scan) {
	z.t.Helper()
	said, err := json.Marshal(s)
	must(z.t, err)
	said = fmt.Appendf(said, "%+v", s)
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, v := range z.values {
		for form, piece := range map[string]string{
			"its middle": v[30:50], "its end": v[len(v)-12:], "in base64": base64.StdEncoding.EncodeToString([]byte(v))[:40], "in hex": hex.EncodeToString([]byte(v[30:50])),
		} {
			if bytes.Contains(said, []byte(piece)) {
				z.t.Errorf("P7: a scan says a value, %s", form)
			}
		}
	}
}

// until looks until it finds what ok accepts, and returns that.
func (z *zoo) until(what string, w holders.Wanted, ok func(holders.Sighting) bool) holders.Sighting {
	z.t.Helper()
	var last holders.Scan
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		last = z.look(w)
		for _, s := range last.Sightings {
			if ok(s) {
				return s
			}
		}
	}
	z.t.Fatalf("%s: not seen within %s, but %+v; unseen: %q", what, patience, last.Sightings, last.Unseen)
	return holders.Sighting{}
}

// of accepts a process by its id.
func of(pid int) func(holders.Sighting) bool {
	return func(s holders.Sighting) bool { return s.Kind == holders.InProcess && s.PID == pid }
}

// sleeping accepts a sleep, whoever started it.
func sleeping(s holders.Sighting) bool { return s.Kind == holders.InProcess && s.Command == "sleep" }

// only is the single sighting of a scan.
func (z *zoo) only(s holders.Scan) holders.Sighting {
	z.t.Helper()
	if len(s.Sightings) != 1 {
		z.t.Fatalf("want one sighting, got %+v; unseen: %q", s.Sightings, s.Unseen)
	}
	return s.Sightings[0]
}

// A question is what lookRole is asked.
type question struct {
	Salt   string
	Prints []key.Fingerprint
	Files  []string
}

// lookAs scans as another user, which takes a process of that user's.
func (z *zoo) lookAs(uid uint32, w holders.Wanted) holders.Scan {
	z.t.Helper()
	asked, err := json.Marshal(question{z.salt, w.Prints, w.Files})
	must(z.t, err)
	cmd := exec.Command(z.copyOf(self(z.t), "zoo"), "look")
	cmd.Stdin, cmd.Env, cmd.Dir = bytes.NewReader(asked), []string{}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		z.t.Fatalf("look as %d: %v\n%s", uid, err, stderr.String())
	}
	var s holders.Scan
	must(z.t, json.Unmarshal(out.Bytes(), &s))
	z.canary(s)
	return s
}

func lookRole() error {
	var q question
	if err := json.NewDecoder(os.Stdin).Decode(&q); err != nil {
		return err
	}
	w := holders.Wanted{Hasher: secret.NewHasher(secret.New([]byte(q.Salt))), Prints: q.Prints, Files: q.Files}
	s, err := holders.NewLocal(holders.Options{}).Look(contextOfRole(), w)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(s)
}

// copyOf puts a copy of a program, under a name, where everybody may run it.
func (z *zoo) copyOf(program, name string) string {
	z.t.Helper()
	dir := z.openDir()
	b, err := os.ReadFile(program)
	must(z.t, err)
	path := filepath.Join(dir, name)
	must(z.t, os.WriteFile(path, b, 0o755))
	must(z.t, os.Chmod(path, 0o755))
	return path
}

// openDir makes a folder that everybody may enter.
func (z *zoo) openDir() string {
	z.t.Helper()
	dir, err := os.MkdirTemp("", "livekey-zoo-")
	must(z.t, err)
	z.t.Cleanup(func() { must(z.t, os.RemoveAll(dir)) })
	must(z.t, os.Chmod(dir, 0o755))
	return dir
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	must(t, err)
	return path
}

func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	must(t, err)
	if path, err = filepath.EvalSymlinks(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func contains(lines []string, word string) bool {
	return strings.Contains(strings.Join(lines, "\n"), word)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
