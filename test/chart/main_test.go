// The tests hold what deploy/ has for a cluster against helm, kustomize, the schemas of the API
// and promtool. Nothing here needs a cluster.

package chart

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/livekey/livekey/test/need"
	"github.com/livekey/livekey/test/servers"
)

var update = flag.Bool("update", false, "write docs/helm.md, values.schema.json and deploy/kustomize anew, as far as they are made of other files")

const (
	chartDir     = "../../deploy/helm/livekey"
	kustomizeDir = "../../deploy/kustomize"
)

// ci are the values that every check is run with, one file a mode.
func ci(mode string) string { return filepath.Join(chartDir, "ci", mode+"-values.yaml") }

// An object is what the API server would get.
type object map[string]any

func (o object) kind() string { return text(o["kind"]) }
func (o object) name() string { return text(o.at("metadata", "name")) }

// at is what stands at the end of these fields, or nil.
func (o object) at(fields ...string) any {
	var v any = map[string]any(o)
	for _, f := range fields {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[f]
	}
	return v
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// helm runs helm and returns what it prints; it fails the test if ok is not what helm says.
func helm(t *testing.T, ok bool, args ...string) string {
	t.Helper()
	need.All(t, "the chart in deploy/helm")
	path, err := servers.BuildHelm()
	if err != nil {
		t.Fatal(err)
	}
	return run(t, ok, path, args...)
}

// run runs a program whose answer is its exit code.
func run(t *testing.T, ok bool, path string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); (err == nil) != ok {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(path), strings.Join(args, " "), err, &out, &said)
	}
	if !ok {
		return said.String() + out.String()
	}
	return out.String()
}

// template renders the chart, as the release livekey in the namespace livekey.
func template(t *testing.T, args ...string) string {
	t.Helper()
	return helm(t, true, append([]string{"template", "livekey", chartDir, "--namespace", "livekey"}, args...)...)
}

// render is template, decoded.
func render(t *testing.T, args ...string) []object {
	t.Helper()
	return decode(t, template(t, args...))
}

func decode(t *testing.T, stream string) (all []object) {
	t.Helper()
	for d := yaml.NewDecoder(strings.NewReader(stream)); ; {
		var o map[string]any // and so is what is in it
		switch err := d.Decode(&o); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatalf("%v in\n%s", err, stream)
		case o != nil:
			all = append(all, o)
		}
	}
}

// only returns the one object of a kind.
func only(t *testing.T, objects []object, kind string) object {
	t.Helper()
	var found []object
	for _, o := range objects {
		if o.kind() == kind {
			found = append(found, o)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d objects of kind %s, want one", len(found), kind)
	}
	return found[0]
}

// write puts text into a file of the test's own, and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	writeFile(t, path, content)
	return path
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// made holds that a file is what it is made of; with -update it is written.
func made(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		writeFile(t, path, want)
		return
	}
	is, err := os.ReadFile(path)
	if err != nil || string(is) != want {
		t.Errorf("%s is not what it is made of (%v): LIVEKEY_TEST=all go test ./test/chart -update", path, err)
	}
}
