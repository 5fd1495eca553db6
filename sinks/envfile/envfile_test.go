package envfile

import (
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/atomicfile"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/internal/place"
	"github.com/livekey/livekey/sinks/sinktest"
)

func TestConformance(t *testing.T) {
	const canary = sinktest.Canary
	everywhere := map[string]string{
		"a plain key":         canary,
		"dollar and backtick": canary + "$HOME`id`$(id)${X}",
		"double quotes":       `"` + canary + `"`,
		"single quotes":       "'" + canary + "'",
		"backslashes":         `\` + canary + `\n\`,
		"a hash":              "#" + canary + " # no comment",
		"blanks around":       " \t" + canary + " ",
		"an equals sign":      "=" + canary + "==",
		"every control character but NUL and line ends": canary + "\x01\x02\x03\x04\x05\x06\a\b\t\v\f\x0e\x1b\x7f",
		"text beyond ASCII":                             canary + "äß€😀",
		"the marker":                                    marker,
	}
	nowhere := map[string]string{
		"NUL":                   canary + "\x00",
		"no UTF-8":              canary + "\xff",
		"more than Linux takes": strings.Repeat(canary, 10_000),
	}
	with := func(all map[string]string, more ...string) map[string]string {
		out := maps.Clone(all)
		for i := 0; i < len(more); i += 2 {
			out[more[i]] = more[i+1]
		}
		return out
	}
	without := func(all map[string]string, fewer ...string) map[string]string {
		out := maps.Clone(all)
		for _, name := range fewer {
			delete(out, name)
		}
		return out
	}
	for _, c := range []struct {
		dialect, settings string
		carried, refused  map[string]string
	}{
		{
			"systemd", "",
			with(everywhere, "line feeds", "-----BEGIN X-----\n"+canary+"\n-----END X-----\n", "CRLF", canary+"\r\n", "both quotes", `'"`+canary,
				"70 KB", strings.Repeat("x", 70_000)),
			with(nowhere, "a noncharacter", canary+"\ufdd0"),
		},
		{
			"docker", "dialect: docker\n",
			with(everywhere, "the longest line", strings.Repeat("x", scannerLine-len("K="))),
			with(nowhere, "a line feed", canary+"\nB=x", "a carriage return", canary+"\r", "a line of 64 KiB", strings.Repeat("x", scannerLine-len("K=")+1)),
		},
		{
			"dotenv", "dialect: dotenv\n",
			with(without(everywhere, "dollar and backtick", "backslashes"), "line feeds", "-----BEGIN X-----\n"+canary+"\n-----END X-----\n",
				"a dollar and a backtick", canary+"$HOME`id`$(id)", "a backslash", canary+`\n`, "70 KB", strings.Repeat("x", 70_000)),
			with(nowhere, "an expansion", canary+"${X}", "a backslash at the end", canary+`\`, "two backslashes", canary+`\\n`,
				"both quotes", `'"`+canary, "a single quote beside a dollar", "'$"+canary, "CRLF", canary+"\r\n"),
		},
		{
			"kubernetes", "dialect: kubernetes\n",
			with(without(everywhere, "single quotes"), "line feeds", "-----BEGIN X-----\n"+canary+"\n-----END X-----\n",
				"the longest line", strings.Repeat("x", scannerLine-len("K=''")), "100 KB in lines", strings.Repeat(strings.Repeat("x", 99)+"\n", 1_000)),
			with(nowhere, "a single quote", canary+"'", "CRLF", canary+"\r\n", "a line of 64 KiB", strings.Repeat("x", scannerLine-len("K=''")+1)),
		},
		{
			"shell", "dialect: shell\n",
			with(everywhere, "line feeds", "-----BEGIN X-----\n"+canary+"\n-----END X-----\n", "CRLF", canary+"\r\n", "both quotes", `'"`+canary,
				"70 KB", strings.Repeat("x", 70_000)),
			nowhere,
		},
	} {
		t.Run(c.dialect, func(t *testing.T) {
			d := dialects[c.dialect]
			sinktest.Run(t, sinktest.Harness{
				FromConfig: FromConfig,
				Settings:   c.settings,
				See: func(path string) (map[string]string, error) {
					data, err := os.ReadFile(path)
					if err != nil {
						return nil, err
					}
					return parsed(d, data)
				},
				Files: func(path string) ([]string, error) { return []string{path}, nil },
				Foreign: func(t testing.TB, path string, values map[string]string) {
					text := "# made by hand\n"
					for name, v := range values {
						if c.dialect == "kubernetes" { // whose reader takes no other
							v = "'" + v + "'"
						}
						text += name + "=" + v + "\n"
					}
					put(t, path, text)
				},
				Unmark: func(t testing.TB, path string) {
					data, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					put(t, path, strings.TrimPrefix(string(data), markerLine))
				},
				Litter:  killedWrite,
				Carried: c.carried,
				Refused: c.refused,
				Writes:  60,
			})
		})
	}
}

func parsed(d dialect, data []byte) (map[string]string, error) {
	all, err := d.parse(data)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, a := range all {
		values[a.name] = string(a.value.Reveal())
	}
	return values, nil
}

func put(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// killedWrite writes until the temporary file is complete, and no further.
func killedWrite(t testing.TB, path string) (names []string) {
	t.Helper()
	d, err := atomicfile.Open(filepath.Dir(path), atomicfile.Options{Reader: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	func() {
		defer func() { _ = recover() }()
		_ = d.Write(filepath.Base(path), []byte(sinktest.Canary), atomicfile.Attr{Mode: 0o600, UID: -1, GID: -1}, func([]byte) error { panic("killed here") })
	}()
	names, err = filepath.Glob(filepath.Join(filepath.Dir(path), ".livekey-*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// The copy of an adopted file is somebody's keys too: what a crash left of making
// it does not stay.
func TestAKilledAdoptionLeavesNothingAfterTheNextStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.env")
	killedWrite(t, place.Backup(path))
	n, err := config.Parse("sink.yaml", "sinks.app", "path: "+path+"\nadopt: true\n")
	if err != nil {
		t.Fatal(err)
	}
	s, err := FromConfig(sinks.Env{Name: "app", Log: slog.New(slog.DiscardHandler)}, n)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); err != nil || len(left) > 0 {
		t.Errorf("after the next start there is still %q (%v)", left, err)
	}
}
