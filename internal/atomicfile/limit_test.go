package atomicfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The owner of a sink's folder may make the file any size; memory is not his.
func TestAFileOfAnotherSizeThanOursIsNotRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.env")
	if err := os.WriteFile(path, []byte("A=b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Open(dir, Options{Reader: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if f, err := d.Read("app.env"); err != nil || string(f.Data) != "A=b\n" {
		t.Fatalf("read %q, %v", f.Data, err)
	}
	if err := os.Truncate(path, MaxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read("app.env"); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Fatalf("got %v", err)
	}
}
