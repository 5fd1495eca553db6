// Package packages tests what packaging/build.sh makes: the same bytes in two places, and
// what is in them. That they can be installed, upgraded and purged is tested in test/systemd.
package packages

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/livekey/livekey/test/need"
)

const version = "1.2.3-rc.1"

// theBuild is one build for all tests.
var theBuild struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if theBuild.dir != "" {
		_ = os.RemoveAll(theBuild.dir)
	}
	os.Exit(code)
}

// built is the folder of the packages of this machine's architecture.
func built(t *testing.T, promise string, things ...need.Thing) string {
	t.Helper()
	need.All(t, promise, append(things, need.Linux, need.Program("bash"), need.Program("git"), need.Program("make"))...)
	theBuild.once.Do(func() {
		if theBuild.dir, theBuild.err = os.MkdirTemp("", "livekey-packages-test-"); theBuild.err == nil {
			theBuild.err = build("../..", theBuild.dir)
		}
	})
	if theBuild.err != nil {
		t.Fatal(theBuild.err)
	}
	return theBuild.dir
}

// build makes the packages of a checkout.
func build(checkout, out string, env ...string) error {
	cmd := exec.Command("bash", "-c", "umask 027; exec packaging/build.sh")
	cmd.Dir = checkout
	cmd.Env = append(os.Environ(), "VERSION="+version, "ARCHS="+runtime.GOARCH, "OUT="+out, "SOURCE_DATE_EPOCH=1700000000", "BUILDVCS=false")
	cmd.Env = append(cmd.Env, env...)
	if said, err := cmd.CombinedOutput(); err != nil {
		return errors.New("packaging/build.sh: " + err.Error() + "\n" + string(said))
	}
	return nil
}

// file is the one package that ends so.
func file(t *testing.T, dir, ending string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"+ending))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d files end in %s (%v)", len(found), ending, err)
	}
	return found[0]
}

// A second build has another folder, home and clock, and the caches alone in common: what is in
// them is named by its content.
func TestTwoBuildsInTwoPlacesAreTheSameBytes(t *testing.T) {
	first := built(t, "releases are reproducible")
	checkout, second, home := t.TempDir(), t.TempDir(), t.TempDir()
	copyCheckout(t, checkout)
	env := []string{"HOME=" + home, "GOPATH=" + home, "TZ=Asia/Tokyo", "LC_ALL=C.UTF-8", "TMPDIR=" + home}
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(out)))
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := build(checkout, second, append(env, "XDG_CACHE_HOME="+cache)...); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(first)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 7 { // four packages, two bills of materials, checksums
		t.Errorf("%d files were built", len(entries))
	}
	for _, e := range entries {
		one, two := read(t, filepath.Join(first, e.Name())), read(t, filepath.Join(second, e.Name()))
		if !bytes.Equal(one, two) {
			t.Errorf("%s: two builds have other bytes (%d and %d)", e.Name(), len(one), len(two))
		}
	}
	sum := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "SHA256SUMS")
	sum.Dir = first
	if out, err := sum.CombinedOutput(); err != nil {
		t.Errorf("SHA256SUMS: %v\n%s", err, out)
	}
}

// copyCheckout copies what git has of this repository, and what it would take.
func copyCheckout(t *testing.T, to string) {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = "../.."
	names, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(names), "\x00"), "\x00") {
		from := filepath.Join("../..", name)
		info, err := os.Stat(from)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue // removed, and git was not told yet
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), read(t, from), info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLintianFindsNothing(t *testing.T) {
	dir := built(t, "the deb is as Debian's policy has it", need.Program("lintian"))
	out, err := exec.CommandContext(t.Context(), "lintian", "--allow-root", "--fail-on", "error,warning", file(t, dir, ".deb")).CombinedOutput()
	if err != nil || strings.Contains(string(out), "livekey: ") {
		t.Errorf("lintian: %v\n%s", err, out)
	}
}

// common are in every package, under /usr.
var common = []string{
	"bin/livekey", "share/man/man1/livekey-run.1.gz", "share/man/man5/livekey.yaml.5.gz",
	"share/bash-completion/completions/livekey", "share/fish/vendor_completions.d/livekey.fish",
	"share/doc/livekey/README.md",
}

func TestTheRPMIsWhole(t *testing.T) {
	dir := built(t, "the rpm is whole", need.Program("rpm"))
	rpm := file(t, dir, ".rpm")
	ask := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "rpm", append(args, rpm)...)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("rpm %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if out := ask("--checksig"); !strings.HasSuffix(out, "digests OK") {
		t.Errorf("rpm --checksig says %s", out)
	}
	if out := ask("--query", "--package", "--queryformat", "%{NAME} %{VERSION} %{LICENSE} %{BUILDHOST}"); out != "livekey 1.2.3~rc1 Apache-2.0 reproducible" {
		t.Errorf("it is %s", out)
	}
	if out := ask("--query", "--package", "--configfiles"); out != "/etc/livekey/livekey.yaml" {
		t.Errorf("its config files are %q", out)
	}
	files := strings.Fields(ask("--query", "--package", "--list"))
	for _, want := range append(under("/usr/", common), "/usr/lib/systemd/system/livekey.service", "/usr/lib/sysusers.d/livekey.conf",
		"/usr/lib/tmpfiles.d/livekey.conf", "/usr/share/zsh/site-functions/_livekey", "/usr/share/licenses/livekey/LICENSE") {
		if !slices.Contains(files, want) {
			t.Errorf("it has no %s", want)
		}
	}
}

func under(prefix string, names []string) (all []string) {
	for _, name := range names {
		all = append(all, prefix+name)
	}
	return all
}

// An apk is two gzip streams, one after another: what it is, and its files.
func TestTheAPKIsWhole(t *testing.T) {
	dir := built(t, "the apk is whole")
	content := map[string]string{}
	unpacked := unzip(t, file(t, dir, ".apk"))
	modes := untar(t, unpacked, content)
	for _, want := range []string{"pkgname = livekey\n", "pkgver = 1.2.3_rc1\n", "license = Apache-2.0\n"} {
		if !strings.Contains(content[".PKGINFO"], want) {
			t.Errorf("no %q in .PKGINFO:\n%s", want, content[".PKGINFO"])
		}
	}
	for _, want := range append(under("usr/", common), ".pre-install", ".post-install", "etc/livekey/livekey.yaml", "usr/share/zsh/site-functions/_livekey", "usr/share/licenses/livekey/LICENSE") {
		if _, found := modes[want]; !found {
			t.Errorf("it has no %s", want)
		}
	}
	for name := range modes {
		if strings.Contains(name, "lib/systemd") {
			t.Errorf("%s is for a system that Alpine is not", name)
		}
	}
}

func TestTheTarballIsWhole(t *testing.T) {
	dir := built(t, "the tarball is whole")
	content := map[string]string{}
	path := file(t, dir, ".tar.gz")
	modes := untar(t, unzip(t, path), content)
	top := strings.TrimSuffix(filepath.Base(path), ".tar.gz") + "/"
	for _, want := range append(under(top, common), top+"LICENSE", top+"README.md", top+"etc/livekey/livekey.yaml", top+"lib/systemd/system/livekey.service") {
		if _, found := modes[want]; !found {
			t.Errorf("it has no %s", want)
		}
	}
	if mode := modes[top+"bin/livekey"]; mode != 0o755 {
		t.Errorf("the binary has the mode %o", mode)
	}
	for name, mode := range modes {
		if mode&0o022 != 0 {
			t.Errorf("everybody may write %s", name)
		}
	}
}

// The scripts of a package run in whatever shell a system has.
func TestTheScriptsAreOfAnyShell(t *testing.T) {
	need.All(t, "packages install with any shell", need.Program("dash"))
	scripts, err := filepath.Glob("../../packaging/[dra]*/p*")
	if err != nil || len(scripts) < 8 {
		t.Fatalf("%d scripts found (%v)", len(scripts), err)
	}
	for _, script := range scripts {
		if out, err := exec.CommandContext(t.Context(), "dash", "-n", script).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", script, err, out)
		}
	}
}

func unzip(t *testing.T, path string) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(read(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// untar is the modes of the files of a tar by their names, with the text of small ones.
func untar(t *testing.T, archive []byte, content map[string]string) map[string]fs.FileMode {
	t.Helper()
	modes := map[string]fs.FileMode{}
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return modes
		}
		if err != nil {
			t.Fatal(err)
		}
		modes[h.Name] = h.FileInfo().Mode().Perm()
		if h.Size < 1<<16 {
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			content[h.Name] = string(b)
		}
	}
}
