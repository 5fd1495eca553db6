package archtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

var rules = append(importRules, sourceRules...)

func TestArchitecture(t *testing.T) {
	tree, err := load(os.DirFS(filepath.Join("..", "..")))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.packages) < 20 || tree.packages["internal/key"] == nil {
		t.Fatalf("only %d packages found", len(tree.packages))
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, v := range r.check(tree) {
				t.Errorf("%s\n\tbecause: %s", v, r.reason)
			}
		})
	}
}

// Each exception has to be used, or it goes.
func TestExceptionsAreNeeded(t *testing.T) {
	tree, err := load(os.DirFS(filepath.Join("..", "..")))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []struct {
		rule    string
		allowed allowed
	}{
		{"one maker of HTTP clients", makesClients},
		{"one writer of files", writesFiles},
		{"values are revealed in few places", reveals},
		{"one starter of programs", startsPrograms},
	} {
		for pattern, why := range list.allowed {
			delete(list.allowed, pattern)
			if len(find(t, list.rule).check(tree)) == 0 {
				t.Errorf("%s: nothing in %s needs its exception", list.rule, pattern)
			}
			list.allowed[pattern] = why
		}
	}
}

func find(t *testing.T, name string) rule {
	t.Helper()
	i := slices.IndexFunc(rules, func(r rule) bool { return r.name == name })
	if i < 0 {
		t.Fatalf("no rule %q", name)
	}
	return rules[i]
}

const own = `"` + module + `/`

// Each case breaks one rule: file by file, a package clause and what is said here.
var violations = []struct {
	rule  string
	files map[string]string
	want  string
}{
	{"key is at the bottom", map[string]string{"internal/key/k.go": `import "golang.org/x/text"`}, "imports golang.org/x/text"},
	{"key is at the bottom", map[string]string{"internal/key/k.go": `import ` + own + `internal/ui"`}, "imports internal/ui"},
	{"what decides and what remembers sees no value", map[string]string{"rotation/r.go": `import ` + own + `internal/secret"`}, "rotation -> internal/secret"},
	{"what decides and what remembers sees no value", map[string]string{
		"internal/journal/j.go": `import ` + own + `internal/x"`, "internal/x/x.go": `import ` + own + `internal/proof"`,
	}, "internal/journal -> internal/x -> internal/proof"},
	{"what decides does no I/O", map[string]string{"internal/schedule/s.go": `import "os"`}, "internal/schedule -> os"},
	{"what decides does no I/O", map[string]string{
		"rotation/r.go": `import ` + own + `internal/key"`, "internal/key/k.go": `import "net/http"`,
	}, "rotation -> internal/key -> net/http"},
	{"the journal knows no network", map[string]string{"internal/journal/j.go": `import "net"`}, "internal/journal -> net"},
	{"who tells others has no managed key", map[string]string{"alerts/pager/p.go": `import ` + own + `internal/proof"`}, "alerts/pager -> internal/proof"},
	{"sources know nothing of proof", map[string]string{"sources/s3/s.go": `import ` + own + `internal/proof"`}, "sources/s3 -> internal/proof"},
	{"the engine knows contracts, never a kind", map[string]string{"internal/engine/e.go": `import ` + own + `sinks/envfile"`}, "internal/engine -> sinks/envfile"},
	{"the engine knows contracts, never a kind", map[string]string{
		"internal/engine/e.go": `import ` + own + `internal/x"`, "internal/x/x.go": `import ` + own + `alerts/webhook"`,
	}, "internal/engine -> internal/x -> alerts/webhook"},
	{"only cmd wires kinds", map[string]string{"internal/drill/d.go": `import ` + own + `sources/file"`}, "internal/drill imports sources/file"},
	{"only cmd wires kinds", map[string]string{"sources/s.go": `import ` + own + `sources/file"`}, "sources imports sources/file"},
	{"only cmd wires kinds", map[string]string{"sources/a/a.go": `import ` + own + `sources/b"`}, "sources/a imports sources/b"},
	{"wiring is on top", map[string]string{"sinks/envfile/e.go": `import ` + own + `internal/engine"`}, "sinks/envfile imports internal/engine"},
	{"wiring is on top", map[string]string{"internal/ui/u.go": `import ` + own + `cmd/livekey"`}, "internal/ui imports cmd/livekey"},
	{"suites are for tests", map[string]string{"sinks/envfile/e.go": `import ` + own + `sinks/sinktest"`}, "imports sinks/sinktest"},
	{"suites are for tests", map[string]string{"sinks/envfile/e.go": `import "testing"`}, "imports testing"},
	{"one reader of YAML", map[string]string{"validator/catalog/c.go": `import "go.yaml.in/yaml/v4"`}, "imports go.yaml.in/yaml/v4"},
	{"no metrics library in the daemon", map[string]string{"internal/metrics/m.go": `import "github.com/prometheus/client_golang/prometheus"`}, "internal/metrics imports"},
	{"no schema library in the daemon", map[string]string{"cmd/livekey/c.go": `import "github.com/google/jsonschema-go/jsonschema"`}, "cmd/livekey imports"},
	{"one way to D-Bus", map[string]string{"internal/reload/r.go": `import "github.com/godbus/dbus/v5"`}, "internal/reload imports github.com/godbus/dbus/v5"},
	{"no templates", map[string]string{"internal/ui/u.go": `import "text/template"`}, "internal/ui imports text/template"},
	{"no pprof", map[string]string{"internal/admin/a.go": `import _ "net/http/pprof"`}, "imports net/http/pprof"},
	{"one maker of HTTP clients", map[string]string{"validator/v.go": `var c = &http.Client{}`}, "validator/v.go:3 makes an http.Client"},
	{"one maker of HTTP clients", map[string]string{"validator/v.go": `var c = new(http.Transport)`}, "makes an http.Transport"},
	{"one maker of HTTP clients", map[string]string{"validator/v.go": `var c http.Client`}, "makes an http.Client"},
	{"one maker of HTTP clients", map[string]string{"validator/v.go": `var _, _ = http.Get("x")`}, "uses http.Get"},
	{"one writer of files", map[string]string{"sinks/s3/s.go": `var e = os.WriteFile("x", nil, 0)`}, "uses os.WriteFile"},
	{"one writer of files", map[string]string{"sinks/s3/s.go": `var e = os.Rename("x", "y")`}, "uses os.Rename"},
	{"one writer of files", map[string]string{"sinks/s3/s.go": `var f, e = os.OpenFile("x", syscall.O_NOFOLLOW|os.O_CREATE, 0)`}, "opens a file to write"},
	{"one writer of files", map[string]string{"sinks/s3/s.go": `func f(r *os.Root) { r.Rename("x", "y") }`}, "uses Rename"},
	{"one writer of files", map[string]string{"sinks/s3/s.go": `func f() { unix.Renameat2(1, "x", 1, "y", 0) }`}, "uses Renameat2"},
	{"values are revealed in few places", map[string]string{"internal/ui/u.go": `func f(v secret.Value) string { return string(v.Reveal()) }`}, "internal/ui/u.go:3 reveals a value"},
	{"values are revealed in few places", map[string]string{"internal/ui/u.go": `func f(m M) func() []byte { return m.Parts["x"].Reveal }`}, "reveals a value"},
	{"one starter of programs", map[string]string{"sinks/unit/u.go": `import "os/exec"`}, "sinks/unit/u.go:3 imports os/exec"},
	{"one starter of programs", map[string]string{"cmd/livekey/e.go": `var e = syscall.Exec("x", nil, nil)`}, "uses syscall.Exec"},
	{"one starter of programs", map[string]string{"cmd/livekey/e.go": `var p, e = os.StartProcess("x", nil, nil)`}, "uses os.StartProcess"},
	{"no init", map[string]string{"sinks/envfile/x.go": `func init() {}`}, "has an init function"},
	{"no import for its effect", map[string]string{"cmd/livekey/m.go": `import _ ` + own + `sources/file"`}, "imports sources/file as _"},
	{"no import for its effect", map[string]string{"cmd/livekey/m.go": `import . "fmt"`}, "imports fmt as ."},
	{"certificates are verified", map[string]string{"test/x/x.go": `var c = tls.Config{InsecureSkipVerify: true}`}, "names InsecureSkipVerify"},
	{"certificates are verified", map[string]string{"sources/vault/v.go": `var c = os.Getenv("VAULT_SKIP_VERIFY")`}, "names VAULT_SKIP_VERIFY"},
	{"imports keep their names", map[string]string{"sinks/s3/s.go": `import system "os"`}, "imports os as system"},
}

func TestEachRuleFindsWhatBreaksIt(t *testing.T) {
	tested := map[string]bool{}
	for _, v := range violations {
		tested[v.rule] = true
		t.Run(v.rule, func(t *testing.T) {
			got := strings.Join(find(t, v.rule).check(parse(t, v.files)), "\n")
			if !strings.Contains(got, v.want) {
				t.Errorf("want %q, got %q", v.want, got)
			}
		})
	}
	for _, r := range rules {
		if !tested[r.name] {
			t.Errorf("nothing shows that %q can be broken", r.name)
		}
	}
}

// What no rule may object to.
var fine = map[string]string{
	"internal/key/k.go":           `import "time"`,
	"rotation/r.go":               `import ` + own + `internal/key"`,
	"rotation/r_test.go":          `import "net/http"`,
	"rotation/testdata/x.go":      `import "net/http"`,
	"test/vault/go.mod":           ``,
	"test/crash/writer/w.go":      `func init() { runtime.LockOSThread() }`,
	"test/vault/main.go":          `func init() {}`,
	"test/need/n.go":              `var e = os.WriteFile("x", nil, 0)`,
	"cmd/livekey/w.go":            `import ` + own + `sources/file"`,
	"validator/catalog/c.go":      `import _ "embed"`,
	"validator/catalog/engine.go": `import ` + own + `validator/catalog/rules"`,
	"sinks/envfile/e.go":          `import ` + own + `sinks/internal/place"`,
	"internal/engine/e.go":        `import ` + own + `sinks"`,
	"internal/config/c.go":        `var f, e = os.OpenFile("x", os.O_RDONLY|syscall.O_NONBLOCK, 0)`,
	"alerts/webhook/w.go":         `var c *http.Client`,
	"internal/httpclient/h.go":    `var c = http.Client{}`,
}

func TestNoRuleObjectsToWhatIsFine(t *testing.T) {
	tree := parse(t, fine)
	for _, r := range rules {
		if bad := r.check(tree); len(bad) > 0 {
			t.Errorf("%s: %v", r.name, bad)
		}
	}
}

func parse(t *testing.T, files map[string]string) tree {
	t.Helper()
	root := fstest.MapFS{}
	for name, text := range files {
		if strings.HasSuffix(name, ".go") {
			text = "package x\n\n" + text + "\n"
		}
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	tree, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
