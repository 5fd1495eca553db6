// Package crash kills and starves deliveries at every system call, and cuts the
// power of the disk under them.
package crash

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/directory"
	"github.com/livekey/livekey/sinks/envfile"
	"github.com/livekey/livekey/sinks/sinktest"
)

// A kind is one kind of sink, seen as its consumers see it.
type kind struct {
	name       string
	fromConfig func(sinks.Env, config.Node) (sinks.Sink, error)
	see        func(path string) (string, error) // "" if nothing was delivered
}

var kinds = []kind{
	{"env_file", envfile.FromConfig, seeEnvFile},
	{"directory", directory.FromConfig, seeDirectory},
}

// attr is whose every file must be, at every moment.
const (
	uid, gid = 12345, 23456
	settings = `{owner: "12345", group: "23456", mode: "0640"}`
)

// sink makes the sink at path in this process.
func (k kind) sink(t testing.TB, path string) sinks.Sink {
	t.Helper()
	n, err := config.Parse("crash.yaml", "sinks.crash", strings.Replace(settings, "{", "{path: "+path+", ", 1))
	if err != nil {
		t.Fatal(err)
	}
	s, err := k.fromConfig(sinks.Env{Name: "crash", Log: slog.New(slog.DiscardHandler)}, n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// deliver writes values without waiting for readers of what was there.
func deliver(t testing.TB, s sinks.Sink, values map[string]string) error {
	_, err := s.Write(hurried{t.Context()}, sinktest.Entries(t, values))
	return err
}

// hurried cuts the wait for readers of an old generation short, and nothing else.
type hurried struct{ context.Context } //nolint:containedctx // it is a context: the one it holds, but for Done

func (hurried) Done() <-chan struct{} { return closed }

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// show is how see shows values.
func show(values map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, name+"="+values[name])
	}
	return strings.Join(all, " ")
}

func seeEnvFile(path string) (string, error) {
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if err := right(path); err != nil {
		return "", err
	}
	if !strings.HasSuffix(string(data), "\n") {
		return "", fmt.Errorf("torn: %d bytes without an end", len(data))
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[1:], " "), nil
}

func seeDirectory(path string) (string, error) {
	current := filepath.Join(path, "..data")
	list, err := os.ReadDir(current)
	if os.IsNotExist(err) {
		_, linkErr := os.Lstat(current)
		if linkErr == nil {
			return "", fmt.Errorf("..data leads to nothing")
		}
		return "", nil
	}
	if err != nil {
		return "", err
	}
	values := map[string]string{}
	for _, e := range list {
		name := filepath.Join(current, e.Name())
		data, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		if err := right(name); err != nil {
			return "", err
		}
		values[e.Name()] = string(data)
	}
	return show(values), nil
}

// right says whether mode and owner are what they must be.
func right(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	st := fi.Sys().(*syscall.Stat_t)
	if fi.Mode().Perm() != 0o640 || st.Uid != uid || st.Gid != gid {
		return fmt.Errorf("mode %04o, uid %d, gid %d", fi.Mode().Perm(), st.Uid, st.Gid)
	}
	return nil
}

// leftovers are files below dir that only a delivery under way may have.
func leftovers(dir string) (left []string) {
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		current, _ := os.Readlink(filepath.Join(filepath.Dir(path), "..data"))
		if name := e.Name(); strings.HasPrefix(name, ".livekey-") || strings.HasPrefix(name, "..2") && name != current {
			left = append(left, name)
		}
		return nil
	})
	return left
}
