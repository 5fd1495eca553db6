package sinktest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sinks"
)

var (
	first  = map[string]string{"A": Canary + "-a1", "B": Canary + "-b1", "C": Canary + "-c1"}
	second = map[string]string{"A": Canary + "-a2", "B": Canary + "-b2", "C": Canary + "-c2"}
)

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for name, rule := range map[string]func(at){
		"what is written is what consumers and Read see":         written,
		"an unchanged write touches nothing":                     unchanged,
		"a variable that is left out is gone":                    leftOut,
		"a value is carried exactly or refused":                  carried,
		"entries that nobody proved are refused":                 notProved,
		"readers see the old content or the new":                 oldOrNew,
		"a canceled context writes nothing":                      canceled,
		"a sink that is not there reads as empty":                absent,
		"the path consumers use is told":                         placed,
		"a probe of an intact sink changes nothing and succeeds": probeIntact,
	} {
		t.Run(name, func(t *testing.T) { rule(h.at(t)) })
	}
	if h.Files == nil {
		return
	}
	for name, rule := range map[string]func(at){
		"a changed mode is set right again":                    modeDrift,
		"the mode is exact under any umask":                    umask,
		"what somebody else wrote stays":                       foreign,
		"the journal's word is as good as a marker":            known,
		"a marked sink is livekey's whatever is in it":         marked,
		"adopt takes over only what it delivers too":           adopt,
		"adopted content stays beside until a proved write":    adoptedKept,
		"what a crash left is removed at start":                leftovers,
		"a missing directory is made for the readers alone":    missingDirectory,
		"a directory that others may change is refused":        unsafeDirectory,
		"a symbolic link at the path leads no value elsewhere": symlink,
		"a path on a disk is refused where memory is required": requireTmpfs,
	} {
		t.Run(name, func(t *testing.T) { rule(h.at(t)) })
	}
}

func written(a at) {
	s := a.sink()
	if err := s.Probe(a.t.Context()); err != nil {
		a.t.Fatalf("probe: %v", err)
	}
	if !a.write(s, first) {
		a.t.Error("the first write says that nothing changed")
	}
	a.sees(first)
	c, err := s.(sinks.Reader).Read(a.t.Context())
	if err != nil || !c.Exists || !c.Marked || !maps.Equal(revealed(c.Values), first) {
		a.t.Errorf("Read: exists %v, marked %v, %d values, %v", c.Exists, c.Marked, len(c.Values), err)
	}
	if !a.write(s, second) {
		a.t.Error("the second write says that nothing changed")
	}
	a.sees(second)
}

func unchanged(a at) {
	s := a.sink()
	a.write(s, first)
	before := a.state()
	if a.write(s, first) {
		a.t.Error("says that something changed")
	}
	if a.state() != before {
		a.t.Error("it was written again")
	}
}

func modeDrift(a at) {
	s := a.sink(`mode: "0640"`)
	a.write(s, first)
	files, err := a.Files(a.path)
	if err != nil || len(files) == 0 {
		a.t.Fatal(files, err)
	}
	if err := os.Chmod(files[0], 0o644); err != nil {
		a.t.Fatal(err)
	}
	if !a.write(s, first) {
		a.t.Error("says that nothing changed")
	}
	a.hasMode(0o640)
}

func umask(a at) {
	for _, mask := range []int{0, 0o22, 0o77, 0o777} {
		a.path = filepath.Join(a.t.TempDir(), "sink")
		was := syscall.Umask(mask)
		s := a.sink(`mode: "0640"`)
		_, err := s.Write(a.t.Context(), Entries(a.t, first))
		syscall.Umask(was)
		if err != nil {
			a.t.Fatalf("umask %04o: %v", mask, err)
		}
		a.hasMode(0o640)
	}
}

func leftOut(a at) {
	s := a.sink()
	a.write(s, first)
	less := map[string]string{"B": first["B"]}
	if !a.write(s, less) {
		a.t.Error("says that nothing changed")
	}
	a.sees(less)
}

func carried(a at) {
	s := a.sink()
	carries := s.(sinks.Carrier).Carries
	for name, value := range a.Carried {
		if err := carries("K", secret.New([]byte(value))); err != nil {
			a.t.Errorf("%s: %v", name, err)
			continue
		}
		a.write(s, map[string]string{"A": Canary, "K": value, "Z": Canary})
		a.sees(map[string]string{"A": Canary, "K": value, "Z": Canary})
	}
	before := map[string]string{"A": Canary}
	a.write(s, before)
	refused := maps.Clone(a.Refused)
	refused["empty"] = ""
	for name, value := range refused {
		want := map[string]string{"A": Canary + "new", "K": value}
		err := carries("K", secret.New([]byte(value)))
		_, writeErr := s.Write(a.t.Context(), Entries(a.t, want))
		a.clean(err)
		a.clean(writeErr)
		if err == nil || writeErr == nil {
			a.t.Errorf("%s: accepted (Carries: %v, Write: %v)", name, err, writeErr)
		}
		a.sees(before)
	}
	for _, name := range []string{"", "1A", "A-B", "../A", "A/B", "A B", "Ä", "..data", ".livekey"} {
		if carries(name, secret.New([]byte("v"))) == nil {
			a.t.Errorf("a variable named %q is accepted", name)
		}
	}
}

func notProved(a at) {
	s := a.sink()
	good := Entries(a.t, map[string]string{"A": Canary})[0]
	noPart := good
	noPart.Part = "other"
	for name, all := range map[string][]sinks.Entry{
		"the zero Proved":          {{Variable: "A", Part: key.DefaultPart}},
		"a part that is not there": {noPart},
		"one variable twice":       {good, good},
	} {
		_, err := s.Write(a.t.Context(), all)
		a.clean(err)
		if err == nil {
			a.t.Errorf("%s: written", name)
		}
	}
	if _, err := os.Lstat(a.path); !errors.Is(err, fs.ErrNotExist) {
		a.t.Errorf("something was made: %v", err)
	}
	if got, err := a.See(a.path); err == nil && len(got) > 0 {
		a.t.Errorf("%d variables were written", len(got))
	}
}

func oldOrNew(a at) {
	s := a.sink()
	a.write(s, first)
	ctx, stop := context.WithCancel(a.t.Context())
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				got, err := a.See(a.path)
				if err != nil || !maps.Equal(got, first) && !maps.Equal(got, second) {
					a.t.Errorf("a reader sees %d variables that are neither the old nor the new ones: %v", len(got), err)
					return
				}
			}
		})
	}
	for i := range a.Writes {
		a.write(s, []map[string]string{second, first}[i%2])
	}
	stop()
	readers.Wait()
}

func canceled(a at) {
	s := a.sink()
	a.write(s, first)
	ctx, cancel := context.WithCancel(a.t.Context())
	cancel()
	if _, err := s.Write(ctx, Entries(a.t, second)); !errors.Is(err, context.Canceled) {
		a.t.Errorf("Write: %v", err)
	}
	if err := s.Probe(ctx); !errors.Is(err, context.Canceled) {
		a.t.Errorf("Probe: %v", err)
	}
	a.sees(first)
}

func missingDirectory(a at) {
	a.path = filepath.Join(a.path, "one", "two", "sink")
	s := a.sink(`mode: "0640"`)
	if err := s.Probe(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
	a.write(s, first)
	a.sees(first)
	files, err := a.Files(a.path)
	if err != nil {
		a.t.Fatal(err)
	}
	fi, err := os.Stat(filepath.Dir(files[0]))
	if err != nil || fi.Mode().Perm() != 0o750 {
		a.t.Errorf("directory of the files: %v, %v, want 0750", fi.Mode(), err)
	}
}

func unsafeDirectory(a at) {
	if err := os.Mkdir(a.path, 0o700); err != nil {
		a.t.Fatal(err)
	}
	if err := os.Chmod(a.path, 0o777); err != nil {
		a.t.Fatal(err)
	}
	a.path = filepath.Join(a.path, "sink")
	_, err := a.sink().Write(a.t.Context(), Entries(a.t, first))
	if err == nil || !strings.Contains(err.Error(), "allow_unsafe_dir") {
		a.t.Errorf("%v: want a refusal that says what to do", err)
	}
	a.write(a.sink("allow_unsafe_dir: true"), first)
	a.sees(first)
}

func symlink(a at) {
	victim := filepath.Join(a.t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious\n"), 0o600); err != nil {
		a.t.Fatal(err)
	}
	if err := os.Symlink(victim, a.path); err != nil {
		a.t.Fatal(err)
	}
	for _, settings := range []string{"", "adopt: true"} {
		if _, err := a.sink(settings).Write(a.t.Context(), Entries(a.t, first)); err == nil {
			a.t.Errorf("%q: written", settings)
		}
	}
	if b, err := os.ReadFile(victim); err != nil || string(b) != "precious\n" {
		a.t.Errorf("the victim has %d other bytes: %v", len(b), err)
	}
}

func absent(a at) {
	a.path = filepath.Join(a.path, "no", "such", "sink")
	c, err := a.sink().(sinks.Reader).Read(a.t.Context())
	if err != nil || c.Exists || c.Marked || len(c.Values) > 0 {
		a.t.Errorf("%+v, %v", c, err)
	}
}

func requireTmpfs(a at) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(a.t.TempDir(), &st); err != nil {
		a.t.Fatal(err)
	}
	const tmpfs = 0x01021994
	if st.Type != tmpfs {
		if _, err := a.sink("require_tmpfs: true").Write(a.t.Context(), Entries(a.t, first)); err == nil || !strings.Contains(err.Error(), "require_tmpfs") {
			a.t.Errorf("on a disk: %v", err)
		}
	}
	dir, err := os.MkdirTemp("/dev/shm", "sinktest-")
	if err != nil {
		a.t.Logf("no tmpfs to write to: %v", err)
		return
	}
	a.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	a.path = filepath.Join(dir, "sink")
	a.write(a.sink("require_tmpfs: true"), first)
	a.sees(first)
}

func placed(a at) {
	want := a.path
	if a.Placed != nil {
		want = a.Placed(a.path)
	}
	if got := a.sink().(sinks.Placer).Path(); got != want {
		a.t.Errorf("Path is %s, want %s", got, want)
	}
}

func probeIntact(a at) {
	s := a.sink()
	a.write(s, first)
	before := a.state()
	if err := s.Probe(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
	if a.state() != before {
		a.t.Error("it was written again")
	}
	a.sees(first)
}

// state changes when the sink is written, also with the same bytes.
func (a at) state() string {
	a.t.Helper()
	if a.Files == nil {
		return a.Version(a.path)
	}
	all := map[string]string{}
	for name, fi := range a.stat() {
		all[name] = fmt.Sprint(fi.Sys().(*syscall.Stat_t).Ino, fi.ModTime().UnixNano())
	}
	return fmt.Sprint(all)
}

func (a at) stat() map[string]os.FileInfo {
	a.t.Helper()
	files, err := a.Files(a.path)
	if err != nil || len(files) == 0 {
		a.t.Fatal(files, err)
	}
	all := map[string]os.FileInfo{}
	for _, name := range files {
		fi, err := os.Stat(name)
		if err != nil {
			a.t.Fatal(err)
		}
		all[name] = fi
	}
	return all
}

func (a at) hasMode(mode fs.FileMode) {
	a.t.Helper()
	for name, fi := range a.stat() {
		if fi.Mode().Perm() != mode {
			a.t.Errorf("%s has mode %04o, want %04o", filepath.Base(name), fi.Mode().Perm(), mode)
		}
	}
}

func revealed(values map[string]secret.Value) map[string]string {
	all := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all[name] = string(values[name].Reveal())
	}
	return all
}
