package envfile

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sinks/sinktest"
	"github.com/livekey/livekey/test/need"
)

const pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC+/=\nAA==\n-----END PRIVATE KEY-----\n"

// hostile are values that some reader of env files is known to get wrong.
var hostile = []string{
	"sk-ant-api03-abc_DEF", "", "'", `"`, `\`, "$", "`", "a b", " a ", "#a", ";a", "a\nb", "a\r\nb", "\r", "\ta", "=", "'\"", `a\`, "${X}", "$(id)",
	"\x01", "\x7f", "é", "\ufeff", "\u2028", "\ufffe", "\ufdd0", "\U0001fffe", "\xff", "a\x00b", "# Managed by livekey.", "\n# END livekey\n", "a'b\\\"c$`\n",
	pem, strings.ReplaceAll(pem, "\n", "\r\n"), `{"type": "service_account", "private_key": "-----BEGIN\nAA==\n"}`,
	"{\n  \"a\": \"it's # 1\",\n  \"b\": [1, 2]\n}\n", "`id`", "$(touch /nowhere)", "$HOME", "~", "~root", "a:~", "!!", "!$", "a # b", "'a'", `"a"`, "'a", `"a`,
	"it's", `it's "so"`, "it's $5", `it's \n`, `a\nb`, `a\\nb`, `\\`, `\\\`, `C:\new\table`, "${X:-d}", "$X", "%s", "*", "?", "[a]", "{a,b}", "a;b", "a&b", "a|b",
	"a<b", "a>b", "(a)", "NAME=value", "export A=b", "\nB=injected", "'\nB=injected\nC='", "\"\nB=injected\nC=\"", "x\nB='", "\u00a0a\u00a0", "\u0085", "\u200b", "😀ā߈",
	"-n", "-", "a\tb", "a\v\fb", "line\n", "\n", "\n\n", "#", "# c\nA=1\n", "\"\"\"", "'''", strings.Repeat("x", 60<<10), strings.Repeat("x ", 35<<10),
}

// matrix is hostile, and every printable and control character at the start, in
// the middle, at the end, alone, doubled and in quotes, and every sign beside every sign.
func matrix() []string {
	all := slices.Clone(hostile)
	const signs = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ \t\n\r"
	for c := rune(1); c < 0x80; c++ {
		s := string(c)
		all = append(all, s, s+"xy", "x"+s+"y", "xy"+s, s+s, " "+s+" ", `"`+s+`"`, "'"+s+"'")
		for _, sign := range signs {
			if strings.ContainsRune(signs, c) {
				all = append(all, "x"+s+string(sign)+"y", s+string(sign))
			}
		}
	}
	return all
}

// variables gives each value of one dialect's that is carried a name of its own.
func variables(s *Sink, values []string) (carried map[string]string, refused int) {
	shapes := []string{"A%d", "_%d", "a_b%d", "Z9_%d", "__%d__", strings.Repeat("LONG", 30) + "%d"}
	carried = map[string]string{}
	for i, v := range values {
		name := fmt.Sprintf(shapes[i%len(shapes)], i)
		if s.Carries(name, secret.New([]byte(v))) == nil {
			carried[name] = v
		} else {
			refused++
		}
	}
	return carried, refused
}

func newDialect(t testing.TB, dialect string) *Sink {
	t.Helper()
	s, err := newSink(t, "{path: "+filepath.Join(t.TempDir(), "env")+", dialect: "+dialect+"}")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// reads writes values with s and compares what the reader has.
func reads(t testing.TB, s *Sink, values map[string]string, read reader) error {
	t.Helper()
	if _, err := s.Write(t.Context(), sinktest.Entries(t, values)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	got, err := read(s.Path())
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if got[name] != values[name] {
			return fmt.Errorf("%s is %.80q, want %.80q", name, got[name], values[name])
		}
		delete(got, name)
	}
	if len(got) > 0 {
		return fmt.Errorf("it also has %q", slices.Sorted(maps.Keys(got)))
	}
	return nil
}

// blame is reads, narrowed down to one value if the file as a whole is not read well.
func blame(t testing.TB, s *Sink, values map[string]string, read reader) error {
	t.Helper()
	err := reads(t, s, values, read)
	names := slices.Sorted(maps.Keys(values))
	if err == nil || len(names) == 1 {
		return err
	}
	for half := range slices.Chunk(names, (len(names)+1)/2) {
		some := map[string]string{}
		for _, name := range half {
			some[name] = values[name]
		}
		if err := blame(t, s, some, read); err != nil && len(half) == 1 {
			return fmt.Errorf("%q alone: %w", values[half[0]], err)
		} else if err != nil {
			return err
		}
	}
	return err
}

// TestEveryProgramReadsWhatWasDelivered holds for each dialect and each program
// that reads it: the program has exactly the bytes, or livekey refused to write them.
func TestEveryProgramReadsWhatWasDelivered(t *testing.T) {
	for _, r := range readers {
		t.Run(r.dialect+"/"+r.name, func(t *testing.T) {
			t.Parallel()
			if r.dialect != "shell" || !need.Has(r.needs...) { // shells are nearly everywhere
				need.All(t, "P6: what livekey writes as "+r.dialect+" is what "+r.name+" reads", r.needs...)
			}
			s := newDialect(t, r.dialect)
			carried, refused := variables(s, matrix())
			if err := blame(t, s, carried, r.start(t)); err != nil {
				t.Error(err)
			}
			t.Logf("%d values read, %d refused", len(carried), refused)
		})
	}
}

// Of the variables that bash has here, those are refused that one of the shells keeps, and no other.
func TestShellKeepsTheNamesThatAreRefused(t *testing.T) {
	if dash, bash := need.Program("dash"), need.Program("bash"); !need.Has(dash, bash) {
		need.All(t, "P6: variables that a shell keeps are refused", dash, bash)
	}
	out, err := exec.Command("bash", "-c", "compgen -v").Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "env")
	for name := range strings.FieldsSeq(string(out)) {
		put(t, path, name+"='x y'\n")
		kept := false
		for _, shell := range []string{"dash", "bash"} {
			cmd := exec.Command(shell, "-c", `set -a; . "$1"; eval "printf %s \"\$$2\""`, "sh", path, name)
			cmd.Env = []string{}
			got, err := cmd.Output()
			kept = kept || err != nil || string(got) != "x y"
		}
		if refused := slices.Contains(shellNames, name); refused != kept {
			t.Errorf("%s: refused %v, while shells keep it to themselves: %v", name, refused, kept)
		}
	}
}

func TestOwnParsersReadWhatWasWritten(t *testing.T) {
	for name, d := range dialects {
		carried, _ := variables(newDialect(t, name), matrix())
		values := map[string]secret.Value{}
		for n, v := range carried {
			values[n] = secret.New([]byte(v))
		}
		got, err := parsed(d, d.render(values, surroundings{}))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for n, want := range carried {
			if got[n] != want {
				t.Errorf("%s: %.80q is read as %.80q", name, want, got[n])
			}
		}
	}
}

// A key must not be refused without need: what each dialect carries is a promise, which
// docs/dialects.md makes in the same words.
func TestDialectsCarryWhatTheDocumentationSays(t *testing.T) {
	page, err := os.ReadFile("../../docs/dialects.md")
	if err != nil {
		t.Fatal(err)
	}
	columns := []string{"systemd", "docker", "dotenv", "shell", "kubernetes"}
	rows := []struct {
		what   string
		values []string
	}{
		{"letters, digits and `_./:@%+=,-`, as most API keys", []string{"sk-ant-api03-abc_DEF", "a./:@%+=,-"}},
		{"other signs: `# ; & ( ) < > * ? !` and blanks", []string{"p#a;s&s w(o)r|d!<>*?", "# a", " a "}},
		{"`$`", []string{"a$b", "$(id)"}},
		{"`${`", []string{"a${b}"}},
		{"a single quote", []string{"it's", "'a'"}},
		{"a single quote beside `\"`, `\\` or `$`", []string{`it's "so"`, `it's \n`, "it's $5"}},
		{"a backslash", []string{`a\b`, `\n`}},
		{"two backslashes in a row, or one at the end", []string{`a\\b`, `a\`}},
		{"several lines (PEM, JSON)", []string{pem, "{\n  \"a\": \"b # c\",\n  \"d\": \"e\\n\"\n}\n"}},
		{"a carriage return", []string{"a\r", strings.ReplaceAll(pem, "\n", "\r\n")}},
		{"more than 64 KiB", []string{strings.Repeat("x", 70_000)}},
	}
	table := "| a value with | " + strings.Join(columns, " | ") + " |\n|---|---|---|---|---|---|\n"
	for _, row := range rows {
		table += "| " + row.what + " |"
		for _, dialect := range columns {
			s, carried := newDialect(t, dialect), map[bool]int{}
			for _, v := range row.values {
				carried[s.Carries("K", secret.New([]byte(v))) == nil]++
			}
			switch {
			case carried[false] == 0:
				table += " yes |"
			case carried[true] == 0:
				table += " no |"
			default:
				t.Errorf("%s: %s carries some of the values and refuses others", row.what, dialect)
			}
		}
		table += "\n"
	}
	if !strings.Contains(string(page), table) {
		t.Errorf("docs/dialects.md must have this table:\n%s", table)
	}
	if len(columns) != len(dialects) {
		t.Errorf("there are %d dialects", len(dialects))
	}
}
