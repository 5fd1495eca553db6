// Package servers builds and starts the real servers that tests talk to. A
// server is a program in a module of its own under test/; it is built once into
// a cache and found there by every test package and every later run.
package servers

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// One set of flags for every build: with others, Go's build cache would be of no use.
var (
	buildFlags = []string{"-trimpath", "-ldflags=-s -w"}
	buildEnv   = []string{"CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off", "GOEXPERIMENT="}
)

// cacheEnv names the directory of built servers, instead of livekey-test in the user's cache.
const cacheEnv = "LIVEKEY_TEST_CACHE"

// keepFor is how long a binary that nobody asks for stays in the cache.
const keepFor = 30 * 24 * time.Hour

// BuildVault returns the path of the Vault server of test/vault, and builds it
// first if the cache does not have it: about 3.5 minutes with an empty Go build
// cache, 15 seconds with a warm one.
func BuildVault() (string, error) { return buildAt("vault", "test", "vault") }

// buildAt builds the program in a folder of the repository.
func buildAt(name string, folder ...string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	return build(name, filepath.Join(append([]string{root}, folder...)...))
}

// linked is what the linker writes into a program beside what buildFlags say: of a server
// that is asked for its version, the one that its go.mod has.
var linked = map[string]string{"kubernetes": " -X k8s.io/component-base/version.gitVersion=v1.36.3"}

func flagsOf(name string) []string {
	flags := slices.Clone(buildFlags)
	flags[len(flags)-1] += linked[name]
	return flags
}

// build makes one binary of the program in dir. Processes that ask at the same time
// wait for the first.
func build(name, dir string) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, name+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()

	flags := flagsOf(name)
	sum, err := contentKey(dir, flags)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(cache, name+"-"+sum)
	if _, err := os.Stat(binary); err == nil {
		now := time.Now()
		return binary, os.Chtimes(binary, now, now)
	}
	prune(cache, name+"-")

	partial := binary + ".partial"
	cmd := goCommand(dir, append(append([]string{"build"}, flags...), "-o", partial, ".")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", dir, err, out)
	}
	return binary, os.Rename(partial, binary)
}

// contentKey names a binary by all that it is made of: sources, modules, flags, toolchain.
func contentKey(dir string, flags []string) (string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return "", err
	}
	files = append(files, filepath.Join(dir, "go.mod"), filepath.Join(dir, "go.sum"))
	slices.Sort(files)

	toolchain, err := goCommand(dir, "env", "GOVERSION", "GOOS", "GOARCH").Output()
	if err != nil {
		return "", fmt.Errorf("ask go for its version: %w", err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %s", flags, buildEnv, toolchain)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n%s", filepath.Base(f), len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

func goCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), buildEnv...)
	return cmd
}

func cacheDir() (string, error) {
	dir := os.Getenv(cacheEnv)
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find a cache directory (set %s to choose one): %w", cacheEnv, err)
		}
		dir = filepath.Join(user, "livekey-test")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}

// lock waits for its turn; the kernel ends the turn of a process that dies.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}

// prune removes binaries of old content. A test that still runs one keeps it open.
func prune(cache, prefix string) {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), prefix) && time.Since(info.ModTime()) > keepFor {
			_ = os.Remove(filepath.Join(cache, e.Name()))
		}
	}
}

// moduleRoot finds livekey's own go.mod above the working directory: go test runs
// a test in its package's folder, and -trimpath hides where the source was.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for start := dir; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && modulePath(text) == "github.com/livekey/livekey" {
			return dir, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod of livekey above %s: run this inside the repository", start)
		}
	}
}

func modulePath(gomod []byte) string {
	for s := bufio.NewScanner(bytes.NewReader(gomod)); s.Scan(); {
		if path, ok := strings.CutPrefix(s.Text(), "module "); ok {
			return strings.TrimSpace(path)
		}
	}
	return ""
}
