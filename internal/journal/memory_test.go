package journal

import (
	"log/slog"
	"os"
	"strings"
	"testing"
)

func TestAJournalInMemoryKeepsWhatItIsGivenAndMakesNoFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	j := InMemory(slog.New(slog.DiscardHandler))
	long := strings.Repeat("x", MaxRecord/2)
	for range 4 * compactFactor { // a file would be compacted
		must(t, j.PutSync("kind", "id", long))
		must(t, j.Put("kind", "id", "last"))
	}
	if changed, err := j.SetEpoch("salt"); err != nil || !changed || j.Epoch() != "salt" {
		t.Error(changed, err, j.Epoch())
	}
	var got string
	if known, err := j.Get("kind", "id", &got); err != nil || !known || got != "last" {
		t.Errorf("%q, known %v, %v", got, known, err)
	}
	must(t, j.Delete("kind", "id"))
	must(t, j.Sync())
	must(t, j.Close())
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		t.Errorf("%d files were made, %v", len(names), err)
	}
}
