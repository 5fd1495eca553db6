package directory

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/atomicfile"
	"github.com/livekey/livekey/sinks/internal/place"
	"github.com/livekey/livekey/sinks/sinktest"
)

func TestConformance(t *testing.T) {
	const canary = sinktest.Canary
	sinktest.Run(t, sinktest.Harness{
		FromConfig: FromConfig,
		See:        see,
		Files:      files,
		Foreign: func(t testing.TB, path string, values map[string]string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
			for name, v := range values {
				if err := os.WriteFile(filepath.Join(path, name), []byte(v), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		},
		Unmark: func(t testing.TB, path string) {
			if err := os.Remove(filepath.Join(path, Marker)); err != nil {
				t.Fatal(err)
			}
		},
		Litter: litter,
		Carried: map[string]string{
			"a plain key": canary, "a line feed at the end": canary + "\n", "NUL": canary + "\x00" + canary, "no UTF-8": canary + "\xff\xfe",
			"CRLF": "a\r\nb\r\n", "256 KiB": strings.Repeat("x", 256<<10), "one byte": "x",
		},
		Refused: map[string]string{},
		Writes:  8,
	})
}

// see looks until a look took no longer than the sink promises to wait for it: on
// a machine that stops readers in between, any grace may be too short.
func see(path string) (map[string]string, error) {
	for {
		begin := time.Now()
		values, err := look(path)
		if time.Since(begin) < readerGrace/2 {
			return values, err
		}
	}
}

// look reads through one open of ..data where there is one, as kubelet's users do.
func look(path string) (map[string]string, error) {
	values := map[string]string{}
	top, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	defer top.Close()
	in, err := top.OpenRoot(atomicfile.Current)
	if errors.Is(err, fs.ErrNotExist) {
		in = top
	} else if err != nil {
		return nil, err
	} else {
		defer in.Close()
	}
	list, err := fs.ReadDir(in.FS(), ".")
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if !place.Variable(e.Name()) {
			continue
		}
		data, err := in.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		values[e.Name()] = string(data)
	}
	return values, nil
}

func files(path string) ([]string, error) {
	return filepath.Glob(filepath.Join(path, atomicfile.Current, "*"))
}

// litter leaves a generation that was never current, and a link that never got
// its name.
func litter(t testing.TB, path string) []string {
	t.Helper()
	gen := filepath.Join(path, "..2026_01_02_03_04_05.0123456789abcdef")
	if err := os.Mkdir(gen, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(gen, "A"), []byte(sinktest.Canary), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := atomicfile.Open(path, atomicfile.Options{Reader: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	func() {
		defer func() { _ = recover() }()
		_ = d.Write(Marker, nil, atomicfile.Attr{Mode: 0o600, UID: -1, GID: -1}, func([]byte) error { panic("killed here") })
	}()
	left, err := filepath.Glob(filepath.Join(path, ".livekey-*"))
	if err != nil || len(left) != 1 {
		t.Fatal(left, err)
	}
	return append(left, gen)
}
