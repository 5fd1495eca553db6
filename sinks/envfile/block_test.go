package envfile

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/sinktest"
)

func newSink(t testing.TB, settings string) (*Sink, error) {
	t.Helper()
	n, err := config.Parse("test.yaml", "sinks.test", settings)
	if err != nil {
		t.Fatal(err)
	}
	s, err := FromConfig(sinks.Env{Name: "test", Log: slog.New(slog.DiscardHandler)}, n)
	if err != nil {
		return nil, err
	}
	return s.(*Sink), nil
}

func TestBlockKeepsEveryOtherByte(t *testing.T) {
	const block = blockBegin + "A=1\n" + blockEnd
	for _, c := range []struct{ rule, before, after string }{
		{"a file that is not there gets only the block", "", block},
		{"a file without a block gets it at its end", "# mine\nX=y\n\n", "# mine\nX=y\n\n" + block},
		{"a last line without an end gets one", "X=y", "X=y\n" + block},
		{"a block is replaced where it stands", "X=y\n" + blockBegin + "A=0\nOLD=0\n" + blockEnd + "Z='a\nb'\n", "X=y\n" + block + "Z='a\nb'\n"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "env")
			if c.before != "" {
				put(t, path, c.before)
				if err := os.Chmod(path, 0o640); err != nil {
					t.Fatal(err)
				}
			}
			s, err := newSink(t, "{path: "+path+", block: true}")
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Probe(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i, wantChanged := range []bool{true, false} {
				changed, err := s.Write(t.Context(), sinktest.Entries(t, map[string]string{"A": "1"}))
				if err != nil || changed != wantChanged {
					t.Fatalf("write %d: changed %v, %v", i, changed, err)
				}
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != c.after {
				t.Errorf("got %q, want %q, %v", got, c.after, err)
			}
			if fi, err := os.Stat(path); c.before != "" && (err != nil || fi.Mode().Perm() != 0o640) {
				t.Errorf("mode %04o of somebody else's file was changed: %v", fi.Mode().Perm(), err)
			}
			content, err := s.Read(t.Context())
			if err != nil || !content.Marked || len(content.Values) != 1 || string(content.Values["A"].Reveal()) != "1" {
				t.Errorf("Read: marked %v, %d values, %v", content.Marked, len(content.Values), err)
			}
		})
	}
}

func TestBlockRefusesWhatItCannotKeepApart(t *testing.T) {
	for _, c := range []struct {
		rule, before string
		mode         os.FileMode
		want         error
	}{
		{"a variable outside of the block too", "A=0\n", 0o600, errOutside},
		{"a block that does not end", blockBegin + "A=0\n", 0o600, errBlockBroken},
		{"two blocks", blockBegin + blockEnd + blockBegin + blockEnd, 0o600, errBlockBroken},
		{"a file that every user reads", "X=y\n", 0o644, nil},
		{"a quote that would swallow the block", "X='y\n", 0o600, nil},
	} {
		t.Run(c.rule, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "env")
			put(t, path, c.before)
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			s, err := newSink(t, "{path: "+path+", block: true}")
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Write(t.Context(), sinktest.Entries(t, map[string]string{"A": sinktest.Canary}))
			if err == nil || c.want != nil && !errors.Is(err, c.want) || strings.Contains(err.Error(), sinktest.Canary) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if got, _ := os.ReadFile(path); string(got) != c.before {
				t.Errorf("the file is now %q", got)
			}
		})
	}
}

func TestSettingsFaultsAreFoundWithoutIO(t *testing.T) {
	for rule, c := range map[string]struct{ text, field string }{
		"a path is required":                 {"{}", "path"},
		"the path is absolute":               {"{path: app.env}", "path"},
		"nobody else reads":                  {`{path: /nowhere/x, mode: "0644"}`, "mode"},
		"a file of keys is not executed":     {`{path: /nowhere/x, mode: "0700"}`, "mode"},
		"the owner reads":                    {`{path: /nowhere/x, mode: "0040"}`, "mode"},
		"a dialect that is known":            {"{path: /nowhere/x, dialect: fish}", "dialect"},
		"block and adopt exclude each other": {"{path: /nowhere/x, block: true, adopt: true}", "block"},
		"an unknown field":                   {"{path: /nowhere/x, pth: 1}", "pth"},
	} {
		if _, err := newSink(t, c.text); err == nil || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	for _, mode := range []string{"0400", "0440", "0600", "0640", "0660"} {
		if _, err := newSink(t, `{path: /nowhere/x, mode: "`+mode+`", owner: root, group: "0"}`); err != nil {
			t.Errorf("mode %s: %v", mode, err)
		}
	}
}
