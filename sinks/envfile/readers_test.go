package envfile

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/livekey/livekey/test/need"
	"github.com/livekey/livekey/test/servers"
)

// A reader is a program that reads env files: the values of the file at path.
type reader func(path string) (map[string]string, error)

// readers are the programs that each dialect is written for.
var readers = []struct {
	dialect, name string
	needs         []need.Thing
	start         func(t testing.TB) reader
}{
	{"systemd", "systemd", []need.Thing{need.Linux, need.Program("python3")}, func(t testing.TB) reader {
		return talk(t, "python3", "-c", systemdProgram)
	}},
	{"docker", "docker", nil, ofGo("docker")},
	{"shell", "dash", []need.Thing{need.Program("dash")}, source("dash")},
	{"shell", "bash", []need.Thing{need.Program("bash")}, source("bash")},
	{"shell", "bash --posix", []need.Thing{need.Program("bash")}, source("bash", "--posix")},
	{"dotenv", "node", []need.Thing{need.Program("node")}, node},
	{"dotenv", "npm dotenv", []need.Thing{need.Program("node"), need.Program("npm")}, func(t testing.TB) reader {
		dir, err := servers.InstallDotenv()
		if err != nil {
			t.Fatal(err)
		}
		return talk(t, "node", "-e", dotenvProgram, dir)
	}},
	{
		"dotenv", "python-dotenv",
		[]need.Thing{need.Working("python3-dotenv", "/usr/bin/python3", "-c", "import dotenv")},
		func(t testing.TB) reader { return talk(t, "/usr/bin/python3", "-c", pythonProgram) },
	},
	{"dotenv", "godotenv", nil, ofGo("godotenv")},
	{"dotenv", "compose", nil, ofGo("compose")},
	{"kubernetes", "the kubelet's grammar", nil, func(testing.TB) reader { return kubelet }},
	{"kubernetes", "bash --posix", []need.Thing{need.Program("bash")}, source("bash", "--posix")},
}

// Each of these programs reads paths, and answers each with a line: ok and the
// variables, NAME=value in base64, or error.
const (
	// systemd's own load_env_file.
	systemdProgram = `
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
    print("ok" if r >= 0 else "error", *got, flush=True)
`
	pythonProgram = `
import base64, dotenv, sys
for path in sys.stdin:
    got = dotenv.dotenv_values(path.strip())
    print("ok", *(base64.b64encode((k + "=" + (v or "")).encode()).decode() for k, v in got.items()), flush=True)
`
	dotenvProgram = `
const dotenv = require(process.argv[1]), fs = require("fs")
require("readline").createInterface({ input: process.stdin }).on("line", (path) => {
  const got = dotenv.parse(fs.readFileSync(path, "utf8"))
  console.log(["ok", ...Object.entries(got).map(([k, v]) => Buffer.from(k + "=" + v).toString("base64"))].join(" "))
})
`
)

func ofGo(parser string) func(testing.TB) reader {
	return func(t testing.TB) reader {
		program, err := servers.BuildDialects()
		if err != nil {
			t.Fatal(err)
		}
		return talk(t, program, parser)
	}
}

// talk starts a program that reads paths until the test ends.
func talk(t testing.TB, program string, args ...string) reader {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	cmd.Stderr = os.Stderr
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	answers := bufio.NewReader(out)
	return func(path string) (map[string]string, error) {
		if _, err := io.WriteString(in, path+"\n"); err != nil {
			return nil, err
		}
		answer, err := answers.ReadString('\n')
		if err != nil {
			return nil, err
		}
		fields := strings.Fields(answer)
		if fields[0] != "ok" {
			return nil, errors.New("the program refuses the file")
		}
		values := map[string]string{}
		for _, f := range fields[1:] {
			b, err := base64.StdEncoding.DecodeString(f)
			if err != nil {
				return nil, err
			}
			name, value, _ := strings.Cut(string(b), "=")
			values[name] = value
		}
		return values, nil
	}
}

// source lets a shell read the file and asks a process that it starts.
func source(shell string, args ...string) func(testing.TB) reader {
	return func(testing.TB) reader {
		return func(path string) (map[string]string, error) {
			return environment(exec.Command(shell, append(args, "-c", `set -a; . "$1"; exec /usr/bin/env -0`, "sh", path)...))
		}
	}
}

// node is `node --env-file`. Debian 12's node is too old to have it.
func node(t testing.TB) reader {
	if out, err := exec.Command("node", "--env-file=/dev/null", "-e", "").CombinedOutput(); err != nil {
		t.Skipf("this node has no --env-file (20.6 and newer do): %s", out)
	}
	const show = `for (const [k, v] of Object.entries(process.env)) process.stdout.write(k + "=" + v + "\0")`
	return func(path string) (map[string]string, error) {
		return environment(exec.Command("node", "--env-file="+path, "-e", show))
	}
}

// environment is what cmd prints of its environment, which is empty but for what the file adds
// and what every shell does.
func environment(cmd *exec.Cmd) (map[string]string, error) {
	cmd.Env = []string{}
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for variable := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		name, value, _ := strings.Cut(variable, "=")
		if name != "PWD" && name != "OLDPWD" && name != "SHLVL" && name != "_" && name != "" {
			values[name] = value
		}
	}
	return values, nil
}
