package file_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/sources/file"
	"github.com/livekey/livekey/sources/sourcetest"
)

// open makes a source with the given settings in YAML. Its log goes to the returned buffer.
func open(t testing.TB, settings string) (sources.Source, *bytes.Buffer) {
	t.Helper()
	var node config.Node // of an entry without settings
	if settings != "" {
		var err error
		if node, err = config.Parse("livekey.yaml", "sources.file", settings); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	src, err := file.FromConfig(sources.Env{Name: "file", Log: slog.New(slog.NewTextHandler(&log, nil))}, node)
	if err != nil {
		t.Fatal(err)
	}
	return src, &log
}

func at(path string) key.Location { return key.Location{Source: "file", Path: path} }

// replace renames a complete file over path, as careful writers do.
func replace(t *testing.T, path string, data []byte) {
	t.Helper()
	temp := path + ".new"
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temp, path); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
		dir := t.TempDir()
		return sourcetest.Harness{
			Open: func(t *testing.T) sources.Source {
				src, _ := open(t, "path: "+dir)
				return src
			},
			Location: at,
			Put: func(t *testing.T, name string, data []byte) {
				replace(t, filepath.Join(dir, name), data)
			},
			Delete: func(t *testing.T, name string) {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			},
			Faults: map[string]func(*testing.T, []byte) key.Location{
				"a file above 1 MiB": func(t *testing.T, canary []byte) key.Location {
					replace(t, filepath.Join(dir, "LARGE"), bytes.Repeat(canary, 1<<20/len(canary)+1))
					return at("LARGE")
				},
				"a directory": func(t *testing.T, canary []byte) key.Location {
					if err := os.Mkdir(filepath.Join(dir, "FOLDER"), 0o700); err != nil {
						t.Fatal(err)
					}
					replace(t, filepath.Join(dir, "FOLDER", "KEY"), canary)
					return at("FOLDER")
				},
				"a file as a folder": func(t *testing.T, canary []byte) key.Location {
					replace(t, filepath.Join(dir, "FILE"), canary)
					return at("FILE/KEY")
				},
			},
		}
	})
}

func TestFetch(t *testing.T) {
	dir := t.TempDir()
	src, _ := open(t, "")
	path := filepath.Join(dir, "key")

	t.Run("an empty file is not there yet", func(t *testing.T) {
		replace(t, path, nil)
		_, err := src.Fetch(t.Context(), at(path))
		if !errors.Is(err, key.ErrNotFound) || !strings.Contains(err.Error(), "is empty: not there yet") {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("the time of the last write is when it was created", func(t *testing.T) {
		replace(t, path, []byte("value"))
		want := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		if err := os.Chtimes(path, want, want); err != nil {
			t.Fatal(err)
		}
		r, err := src.Fetch(t.Context(), at(path))
		if err != nil || !r.Created.Equal(want) {
			t.Errorf("created = %v, err = %v, want %v", r.Created, err, want)
		}
	})
	t.Run("1 MiB is read, one byte more is refused", func(t *testing.T) {
		replace(t, path, make([]byte, 1<<20))
		if r, err := src.Fetch(t.Context(), at(path)); err != nil || r.Data.Len() != 1<<20 {
			t.Errorf("len = %d, err = %v", r.Data.Len(), err)
		}
		replace(t, path, make([]byte, 1<<20+1))
		if _, err := src.Fetch(t.Context(), at(path)); err == nil || !strings.Contains(err.Error(), "1 MiB") {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("a pipe without a writer does not hang", func(t *testing.T) {
		pipe := filepath.Join(dir, "pipe")
		if err := unix.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := src.Fetch(t.Context(), at(pipe)); err == nil || !strings.Contains(err.Error(), "no regular file") {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("a file whose size is not told is read to its end", func(t *testing.T) {
		r, err := src.Fetch(t.Context(), at("/proc/self/status"))
		if err != nil || !bytes.Contains(r.Data.Reveal(), []byte("ctxt_switches")) {
			t.Errorf("len = %d, err = %v", r.Data.Len(), err)
		}
	})
	t.Run("a dangling symlink is not found", func(t *testing.T) {
		link := filepath.Join(dir, "link")
		if err := os.Symlink("nowhere", link); err != nil {
			t.Fatal(err)
		}
		if _, err := src.Fetch(t.Context(), at(link)); !errors.Is(err, key.ErrNotFound) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("a version is refused", func(t *testing.T) {
		replace(t, path, []byte("value"))
		if _, err := src.Fetch(t.Context(), key.Location{Path: path, Version: "1"}); err == nil || errors.Is(err, key.ErrNotFound) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestCredentialsDirectory(t *testing.T) {
	dir := t.TempDir()
	replace(t, filepath.Join(dir, "anthropic"), []byte("value"))
	for _, test := range []struct{ rule, settings, path string }{
		{"a path may begin with it", "", "$CREDENTIALS_DIRECTORY/anthropic"},
		{"the directory of a source may be it", "path: $CREDENTIALS_DIRECTORY", "anthropic"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Setenv("CREDENTIALS_DIRECTORY", dir)
			src, _ := open(t, test.settings)
			t.Setenv("CREDENTIALS_DIRECTORY", "/changed/later")
			if _, err := src.Fetch(t.Context(), at(test.path)); err != nil {
				t.Errorf("fetch: %v", err)
			}
			if err := src.(sources.Linter).Lint(key.Ref{Location: at(test.path)}); err != nil {
				t.Errorf("lint: %v", err)
			}
		})
	}
	t.Run("without it, what lies there is not found", func(t *testing.T) {
		t.Setenv("CREDENTIALS_DIRECTORY", "")
		src, _ := open(t, "")
		_, err := src.Fetch(t.Context(), at("$CREDENTIALS_DIRECTORY/anthropic"))
		if !errors.Is(err, key.ErrNotFound) || !strings.Contains(err.Error(), "LoadCredential=") {
			t.Errorf("err = %v", err)
		}
	})
}

func TestOpenModesAreWarnedOfOnce(t *testing.T) {
	for _, test := range []struct {
		rule string
		mode os.FileMode
		want int
	}{
		{"owner and group may read", 0o640, 0},
		{"others may read", 0o644, 1},
		{"others may write", 0o602, 1},
	} {
		t.Run(test.rule, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			replace(t, path, []byte("value"))
			if err := os.Chmod(path, test.mode); err != nil {
				t.Fatal(err)
			}
			src, log := open(t, "")
			for range 3 {
				if _, err := src.Fetch(t.Context(), at(path)); err != nil {
					t.Fatal(err)
				}
			}
			if got := strings.Count(log.String(), "level=WARN"); got != test.want {
				t.Errorf("%d warnings, want %d:\n%s", got, test.want, log)
			}
		})
	}
}

func TestLint(t *testing.T) {
	for _, test := range []struct{ rule, settings, path, version, params, want string }{
		{rule: "an absolute path is fine", path: "/etc/keys/a"},
		{rule: "a format is fine", path: "/etc/keys/a", params: "format=plain"},
		{rule: "a relative path is fine with a directory", settings: "path: /etc/keys", path: "team/a"},
		{rule: "an absolute path is fine with a directory", settings: "path: /etc/keys", path: "/run/keys/a"},
		{rule: "a relative path needs a directory", path: "etc/keys/a", want: "file:///"},
		{rule: "a path is needed", want: "missing"},
		{rule: "a folder is no record", path: "/etc/keys/", want: "is a directory"},
		{rule: "dots are refused", path: "/etc/../keys/a", want: ".."},
		{rule: "a relative path stays below its directory", settings: "path: /etc/keys", path: "../shadow", want: "leaves"},
		{rule: "a version is refused", path: "/etc/keys/a", version: "3", want: "version"},
		{rule: "an unknown parameter is refused", path: "/etc/keys/a", params: "stage=x", want: `"stage"`},
	} {
		t.Run(test.rule, func(t *testing.T) {
			src, _ := open(t, test.settings)
			loc := key.Location{Path: test.path, Version: key.Version(test.version), Params: test.params}
			err := src.(sources.Linter).Lint(key.Ref{Location: loc})
			if (err == nil) != (test.want == "") {
				t.Fatalf("err = %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	for _, test := range []struct{ rule, settings, want string }{
		{"a relative directory is refused", "path: keys", "absolute"},
		{"dots in the directory are refused", "path: /etc/../keys", ".."},
		{"an unknown setting is refused", "paht: /etc/keys", "paht"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			node, err := config.Parse("livekey.yaml", "sources.file", test.settings)
			if err != nil {
				t.Fatal(err)
			}
			_, err = file.FromConfig(sources.Env{}, node)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want %q in it", err, test.want)
			}
		})
	}
}

func ExampleSource_Lint() {
	src, err := file.FromConfig(sources.Env{Name: "file"}, config.Node{})
	if err != nil {
		panic(err)
	}
	fmt.Println(src.(sources.Linter).Lint(key.Ref{Location: at("keys/a")}))
	// Output: keys/a is relative: write file:/// and the absolute path, or give the source a directory with `path:`
}
