package envfile

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/test/need"
)

func TestStrictParsersRefuseWhatCouldBeReadInTwoWays(t *testing.T) {
	for _, c := range []struct {
		rule, dialect, text string
		line                int
	}{
		{"an unclosed quote", "systemd", "A=1\nB='x\n", 2},
		{"something after the quote", "systemd", "A='x' # c\n", 1},
		{"a backslash without quotes", "systemd", "A=x\\y\n", 1},
		{"an escape that is none", "systemd", `A="\n"` + "\n", 1},
		{"blanks around a raw value", "systemd", "\nA= x\n", 2},
		{"a carriage return", "systemd", "A=x\r\n", 1},
		{"a comment that ends in a backslash", "systemd", "# c\\\nA=x\n", 1},
		{"export", "systemd", "export A=x\n", 1},
		{"a byte order mark", "systemd", "\ufeffA=x\n", 1},
		{"a NUL", "systemd", "A=1\nB='x\x00'\n", 2},
		{"a name twice, after a value of two lines", "systemd", "A='x\ny'\nA=z\n", 3},
		{"no equals sign", "docker", "A\n", 1},
		{"a name with a blank", "docker", "A B=x\n", 1},
		{"a carriage return in docker's", "docker", "A=x\r\n", 1},
		{"a name twice in docker's", "docker", "A=x\n\nA=y\n", 3},
		{"a line over 64 KiB", "docker", "A=" + strings.Repeat("x", 64<<10) + "\n", 1},
	} {
		_, err := dialects[c.dialect].parse([]byte(c.text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Line != c.line {
			t.Errorf("%s: %v, want a fault in line %d", c.rule, err, c.line)
		}
	}
}

func TestParsersReadWhatPeopleWrite(t *testing.T) {
	for dialect, text := range map[string]string{
		"systemd": "# c\n; c\n\nA=a b\nB='it is \"so\"'\nC=\"a\\\"b\\\\\\$\\`c\"\nD=x'y\nE=",
		"docker":  "# c\n\nA=a b\nB=it is \"so\"\nC=a\"b\\$`c\nD=x'y\nE=",
	} {
		got, err := parsed(dialects[dialect], []byte(text))
		want := map[string]string{"A": "a b", "B": `it is "so"`, "C": "a\"b\\$`c", "D": "x'y", "E": ""}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: %q, %v", dialect, got, err)
		}
	}
}

// dockerReads is what docker/cli's kvfile does with a file.
func dockerReads(data []byte) (map[string]string, error) {
	values := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 0; lines.Scan(); n++ {
		line := lines.Bytes()
		if !utf8.Valid(line) {
			return nil, errors.New("no UTF-8")
		}
		if n == 0 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		text := strings.TrimLeftFunc(string(line), unicode.IsSpace)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		name, value, ok := strings.Cut(text, "=")
		if name == "" || strings.ContainsFunc(name, unicode.IsSpace) {
			return nil, errors.New("bad name")
		}
		if ok {
			values[name] = value
		}
	}
	return values, lines.Err()
}

// systemdReader is systemd's own load_env_file in a process of its own: a file's
// path in, its variables in base64 out.
type systemdReader struct {
	in  io.Writer
	out *bufio.Reader
	dir string
}

const systemdProgram = `
import ctypes, glob, base64, sys
lib = ctypes.CDLL(glob.glob("/usr/lib/*/systemd/libsystemd-shared-*.so")[0])
lib.load_env_file.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.POINTER(ctypes.c_char_p))]
for path in sys.stdin:
    out = ctypes.POINTER(ctypes.c_char_p)()
    r = lib.load_env_file(None, path.strip().encode(), ctypes.byref(out))
    got, i = [], 0
    while r >= 0 and out and out[i]:
        got.append(base64.b64encode(out[i]).decode())
        i += 1
    print(r, *got, flush=True)
`

func startSystemd(t testing.TB) *systemdReader {
	t.Helper()
	cmd := exec.Command("python3", "-c", systemdProgram)
	cmd.Stderr = os.Stderr
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	return &systemdReader{in, bufio.NewReader(out), t.TempDir()}
}

func (r *systemdReader) read(t testing.TB, data []byte) (map[string]string, bool) {
	t.Helper()
	path := filepath.Join(r.dir, "env")
	put(t, path, string(data))
	if _, err := io.WriteString(r.in, path+"\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := r.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(answer)
	values := map[string]string{}
	for _, f := range fields[1:] {
		b, err := base64.StdEncoding.DecodeString(f)
		if err != nil {
			t.Fatal(err)
		}
		name, value, _ := strings.Cut(string(b), "=")
		values[name] = value
	}
	return values, !strings.HasPrefix(fields[0], "-")
}

var hostile = []string{
	"sk-ant-api03-abc_DEF", "", "'", `"`, `\`, "$", "`", "a b", " a ", "#a", ";a", "a\nb", "a\r\nb", "\r", "\ta", "=", "'\"", `a\`, "${X}", "$(id)",
	"\x01", "\x7f", "é", "\ufeff", "\u2028", "\ufffe", "\ufdd0", "\U0001fffe", "\xff", "a\x00b", "# Managed by livekey.", "\n# END livekey\n", "a'b\\\"c$`\n",
}

func TestSystemdsOwnParserAgrees(t *testing.T) {
	need.All(t, "P6: what livekey writes is what systemd's own parser reads", need.Linux, need.Program("python3"))
	real := startSystemd(t)
	for _, v := range hostile {
		check(t, "systemd", v, func(data []byte) (map[string]string, bool) { return real.read(t, data) })
	}
}

func TestDockersRulesAgree(t *testing.T) {
	for _, v := range hostile {
		check(t, "docker", v, func(data []byte) (map[string]string, bool) {
			values, err := dockerReads(data)
			return values, err == nil
		})
	}
}

// check writes value between two others: all readers see it as it is, or the
// dialect refused it.
func check(t testing.TB, name, value string, reader func([]byte) (map[string]string, bool)) {
	t.Helper()
	d := dialects[name]
	if d.carries("K", []byte(value)) != nil {
		return
	}
	want := map[string]string{"A": "before", "K": value, "Z": "after"}
	secrets := map[string]secret.Value{}
	for n, v := range want {
		secrets[n] = secret.New([]byte(v))
	}
	data := d.render(secrets, surroundings{})
	own, err := parsed(d, data)
	if err != nil || !maps.Equal(own, want) {
		t.Errorf("%s: %q: own parser reads %q, %v", name, value, own, err)
	}
	if got, ok := reader(data); !ok || !maps.Equal(got, want) {
		t.Errorf("%s: %q: reader has %q, %v", name, value, got, ok)
	}
}

// FuzzEnvFile holds that every value is carried exactly or refused; systemd's own
// parser is asked too where LIVEKEY_TEST is set and it is there.
func FuzzEnvFile(f *testing.F) {
	for _, v := range hostile {
		f.Add([]byte(v))
	}
	var real *systemdReader
	if libs, _ := filepath.Glob("/usr/lib/*/systemd/libsystemd-shared-*.so"); os.Getenv("LIVEKEY_TEST") != "" && len(libs) > 0 {
		real = startSystemd(f)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		check(t, "docker", string(value), func(data []byte) (map[string]string, bool) {
			values, err := dockerReads(data)
			return values, err == nil
		})
		check(t, "systemd", string(value), func(data []byte) (map[string]string, bool) {
			if real != nil {
				return real.read(t, data)
			}
			values, err := parsed(dialects["systemd"], data)
			return values, err == nil
		})
	})
}

// FuzzParse holds that no file makes a parser panic, and that what it accepts can
// be written again with the same meaning.
func FuzzParse(f *testing.F) {
	f.Add([]byte("# c\nA=1\nB='x y'\nC=\"a\\\"\"\n"))
	f.Add([]byte("A='\nA=b'\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range dialects {
			values, err := parsed(d, data)
			if err != nil {
				continue
			}
			out := []byte{}
			for n, v := range values {
				out = d.write(out, n, []byte(v))
			}
			if again, err := parsed(d, out); err != nil || !maps.Equal(again, values) {
				t.Errorf("%s: %q became %q: %v", d.name, values, again, err)
			}
		}
	})
}
