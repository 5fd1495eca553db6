package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

type delivery struct {
	Sink string `json:"sink"`
	N    int    `json:"n"`
}

var quiet = slog.New(slog.DiscardHandler)

func open(t testing.TB, dir string) *Journal {
	t.Helper()
	j, err := Open(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func size(t testing.TB, dir string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, FileName))
	must(t, err)
	return info.Size()
}

// want checks the record of kind "d" and id; n 0 means that there is none.
func want(t testing.TB, j *Journal, id string, n int) {
	t.Helper()
	var d delivery
	ok, err := j.Get("d", id, &d)
	must(t, err)
	if ok != (n != 0) || d.N != n {
		t.Errorf("%s: got %v (%v), want %d", id, d.N, ok, n)
	}
}

func TestLastRecordWinsOverARestart(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	must(t, j.Put("d", "app", delivery{"app", 1}))
	must(t, j.Put("d", "app", delivery{"app", 2}))
	must(t, j.PutSync("d", "gone", delivery{"gone", 3}))
	must(t, j.Put("other", "app", delivery{"app", 9}))
	must(t, j.Delete("d", "gone"))
	for range 2 {
		want(t, j, "app", 2)
		want(t, j, "gone", 0)
		must(t, j.Close())
		j = open(t, dir)
	}
}

func TestEachWalksOneKindInOrderAndMayWrite(t *testing.T) {
	j := open(t, t.TempDir())
	for i, id := range []string{"c", "a", "b"} {
		must(t, j.Put("d", id, delivery{id, i + 1}))
	}
	must(t, j.Put("e", "x", delivery{"x", 1}))
	var ids []string
	must(t, j.Each("d", func(id string, raw json.RawMessage) error {
		ids = append(ids, id+string(raw))
		return j.Delete("d", id)
	}))
	if got := strings.Join(ids, " "); got != `a{"sink":"a","n":2} b{"sink":"b","n":3} c{"sink":"c","n":1}` {
		t.Error(got)
	}
	want(t, j, "a", 0)
	stop := errors.New("stop")
	if err := j.Each("e", func(string, json.RawMessage) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestAnEqualRecordIsNotWritten(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	must(t, j.PutSync("d", "app", delivery{"<app>", 1}))
	before := size(t, dir)
	must(t, j.Put("d", "app", delivery{"<app>", 1}))
	must(t, j.PutSync("d", "app", delivery{"<app>", 1}))
	must(t, j.Delete("d", "never was"))
	must(t, j.Close())
	j = open(t, dir)
	must(t, j.Put("d", "app", delivery{"<app>", 1}))
	if got := size(t, dir); got != before {
		t.Errorf("grew by %d bytes", got-before)
	}
}

func TestTheJournalIsPrivate(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "a", "state")
	j := open(t, dir)
	must(t, j.Close())
	path := filepath.Join(dir, FileName)
	must(t, os.Chmod(path, 0o644))
	open(t, dir)
	for p, mode := range map[string]os.FileMode{dir: 0o700, path: 0o600} {
		info, err := os.Stat(p)
		must(t, err)
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v", p, info.Mode())
		}
	}
}

func TestASymlinkIsNoJournal(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Symlink("/dev/null", filepath.Join(dir, FileName)))
	if _, err := Open(dir, quiet); !errors.Is(err, syscall.ELOOP) {
		t.Error(err)
	}
}

func TestEpochIsKeptAndAChangeIsTold(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	for _, c := range []struct {
		epoch   string
		changed bool
	}{{"aaaa", true}, {"aaaa", false}, {"bbbb", true}} {
		if changed, err := j.SetEpoch(c.epoch); err != nil || changed != c.changed {
			t.Errorf("%s: changed %v, %v", c.epoch, changed, err)
		}
		must(t, j.Close())
		if j = open(t, dir); j.Epoch() != c.epoch {
			t.Errorf("got epoch %q, want %q", j.Epoch(), c.epoch)
		}
	}
}

func TestANewerFormatIsRefusedAndLeftAlone(t *testing.T) {
	dir := t.TempDir()
	line := encode(body{Kind: metaKind, V: json.RawMessage(`{"format":2}`)})
	must(t, os.WriteFile(filepath.Join(dir, FileName), line, 0o600))
	_, err := Open(dir, quiet)
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "format 2") {
		t.Error(err)
	}
	if size(t, dir) != int64(len(line)) {
		t.Error("the file was changed")
	}
}

func TestWhatCannotBeARecordIsRefused(t *testing.T) {
	j := open(t, t.TempDir())
	for name, err := range map[string]error{
		"no kind":          j.Put("", "id", 1),
		"the meta kind":    j.Put(metaKind, "id", 1),
		"an id not UTF-8":  j.Put("d", "\xff", 1),
		"a very long id":   j.Put("d", strings.Repeat("i", 2<<10), 1),
		"no JSON":          j.Put("d", "id", func() {}),
		"more than 1 MiB":  j.Put("d", "id", strings.Repeat("x", MaxRecord)),
		"sync over 1 MiB":  j.PutSync("d", "id", strings.Repeat("x", MaxRecord)),
		"decoded as other": func() error { must(t, j.Put("d", "n", 1)); _, err := j.Get("d", "n", new(string)); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := j.Put("d", "id", strings.Repeat("x", MaxRecord)); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	must(t, j.Put("d", "id", strings.Repeat("x", MaxRecord-2)))
}

func TestTheLargestRecordSurvives(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	id := strings.Repeat("\x01", maxName-1)
	must(t, j.Put("d", id, strings.Repeat("x", MaxRecord-2)))
	must(t, j.Close())
	var got string
	if ok, err := open(t, dir).Get("d", id, &got); !ok || err != nil || len(got) != MaxRecord-2 {
		t.Error(ok, err, len(got))
	}
}

func TestTheFileStaysSmall(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	var largest int64
	for i := range 3000 {
		must(t, j.Put("d", "app", delivery{strings.Repeat("x", 1000), i + 1}))
		largest = max(largest, size(t, dir))
	}
	if largest < compactMin-4096 || largest > compactMin {
		t.Errorf("largest %d, now %d", largest, size(t, dir))
	}
	must(t, j.Close())
	want(t, open(t, dir), "app", 3000)
}

func TestReadOnlyChangesNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenReadOnly(dir, quiet); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	j := open(t, dir)
	must(t, j.Put("d", "app", delivery{"app", 1}))
	must(t, j.Close())
	path := filepath.Join(dir, FileName)
	good, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, append(good, "garbage"...), 0o600))
	r, err := OpenReadOnly(dir, quiet)
	must(t, err)
	want(t, r, "app", 1)
	if err := r.Put("d", "app", delivery{"app", 2}); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	want(t, r, "app", 1)
	must(t, r.Close())
	if size(t, dir) != int64(len(good)+len("garbage")) {
		t.Error("the file was changed")
	}
}

func TestAClosedJournalCanBeReadAndNotWritten(t *testing.T) {
	j := open(t, t.TempDir())
	must(t, j.Put("d", "app", delivery{"app", 1}))
	must(t, j.Close())
	must(t, j.Close())
	want(t, j, "app", 1)
	for _, err := range []error{j.Put("d", "app", delivery{"app", 2}), j.PutSync("d", "app", 2), j.Delete("d", "app"), j.Sync()} {
		if !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	}
	want(t, j, "app", 1)
}

func TestManyWritersAtOnce(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 25 {
				if err := j.PutSync("d", fmt.Sprint(w), delivery{strings.Repeat("x", 10000), i + 1}); err != nil {
					t.Error(err)
				}
				_ = j.Each("d", func(string, json.RawMessage) error { return nil })
			}
		})
	}
	wg.Wait()
	must(t, j.Close())
	j = open(t, dir)
	for w := range 8 {
		want(t, j, fmt.Sprint(w), 25)
	}
}

// The journal against a map, with kills.
func TestAnySequenceReadsBackAsAMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "") // one for each sequence
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, FileName), encode(body{Kind: metaKind, V: json.RawMessage(`{"format":1}`)}), 0o600))
		j := open(t, dir)
		model := map[string]string{}
		id := rapid.SampledFrom([]string{"", "a", "a/b", `"`, "ü", "\n"})
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				i, v := id.Draw(rt, "id"), rapid.String().Draw(rt, "v")
				must(t, j.Put("d", i, v))
				raw, _ := json.Marshal(v)
				must(t, json.Unmarshal(raw, &v)) // bytes that are no UTF-8 are replaced
				model[i] = v
			},
			"delete": func(rt *rapid.T) { i := id.Draw(rt, "id"); must(t, j.Delete("d", i)); delete(model, i) },
			"compact": func(rt *rapid.T) {
				if rapid.IntRange(0, 9).Draw(rt, "one in ten") == 0 { // it syncs, which is slow
					must(t, j.replace())
				}
			},
			"kill": func(*rapid.T) { must(t, j.f.Close()); j = open(t, dir) },
			"": func(rt *rapid.T) {
				got := map[string]string{}
				must(t, j.Each("d", func(id string, raw json.RawMessage) error {
					var v string
					err := json.Unmarshal(raw, &v)
					got[id] = v
					return err
				}))
				if !maps.Equal(got, model) {
					rt.Fatalf("got %q, want %q", got, model)
				}
			},
		})
		must(t, j.f.Close())
	})
}

func TestClearForgetsAllButTheEpoch(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	_, err := j.SetEpoch("salt")
	must(t, err)
	must(t, j.Put("d", "a", delivery{"app", 1}))
	must(t, j.Clear())
	must(t, j.PutSync("d", "b", delivery{"app", 2}))
	must(t, j.Close())
	again := open(t, dir)
	var d delivery
	if known, err := again.Get("d", "a", &d); known || err != nil {
		t.Errorf("it remembers %+v, %v", d, err)
	}
	if known, err := again.Get("d", "b", &d); !known || err != nil || again.Epoch() != "salt" {
		t.Errorf("after it: %v, %v, epoch %q", known, err, again.Epoch())
	}
}
