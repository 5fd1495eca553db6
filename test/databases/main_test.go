// Package databases proves passwords at real servers: PostgreSQL, MariaDB and Redis of
// Debian, and FerretDB, which speaks MongoDB's protocol. Each test owns its server, on
// loopback, in a folder of its own.
package databases

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/validator"
	"github.com/livekey/livekey/validator/catalog"
	"github.com/livekey/livekey/validator/checkertest"
	"github.com/livekey/livekey/validator/mongodb"
	"github.com/livekey/livekey/validator/mysql"
	"github.com/livekey/livekey/validator/postgres"
	"github.com/livekey/livekey/validator/redis"
)

// binary is livekey as it is released.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv("LIVEKEY_TEST") == "" {
		return m.Run() // every test skips itself
	}
	dir, err := os.MkdirTemp("", "livekey-databases-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "livekey")
	build := exec.Command("go", "build", "-o", binary, "github.com/livekey/livekey/cmd/livekey")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build livekey: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

var speakers = map[string]validator.Speaker{"postgres": postgres.New(), "mysql": mysql.New(), "redis": redis.New(), "mongodb": mongodb.New()}

// ask is the verdict of the catalog's checker, asked as the daemon asks it.
func ask(t *testing.T, provider, value string, with map[string]string) key.Verdict {
	t.Helper()
	p, err := catalog.Builtin().Lookup(provider)
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Checker(catalog.Settings{Client: http.DefaultClient, Speakers: speakers, With: with})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return validator.NewProber().Probe(ctx, validator.Request{Key: "K", Provider: provider, Checker: c, Material: checkertest.Material(value)})
}

// wants asks, and holds the verdict to what it has to be: without a piece of any password.
func wants(t *testing.T, provider, value string, with map[string]string, want string) key.Verdict {
	t.Helper()
	v := ask(t, provider, value, with)
	if got := v.Outcome.String() + "/" + string(v.Reason); got != want {
		t.Errorf("got %s, want %s: %s", got, want, v.Detail)
	}
	if told := fmt.Sprintf("%+v", v); strings.Contains(told, "CANARY") {
		t.Errorf("the password is in the verdict: %s", told)
	}
	if v.Control != key.ControlNone {
		t.Errorf("a made-up password was tried: %q", v.Control)
	}
	return v
}

// checked is what `livekey check` says of a variable of the environment, and its exit code.
func checked(t *testing.T, variable, value string) (outcome string, code int) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(binary, "check", variable, "--output", "json")
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + dir, variable + "=" + value}
	out, err := cmd.Output()
	var said struct {
		Keys []struct{ Outcome, Reason, Provider string }
	}
	if json.Unmarshal(out, &said) != nil || len(said.Keys) != 1 {
		t.Fatalf("check %s: %v: %s", variable, err, out)
	}
	if strings.Contains(string(out), "CANARY") {
		t.Errorf("the password is in %s", out)
	}
	return said.Keys[0].Outcome + "/" + said.Keys[0].Reason, cmd.ProcessState.ExitCode()
}

// hosted is where a password alone goes.
func hosted(host, port, user string, more ...string) map[string]string {
	with := map[string]string{"host": host, "port": port}
	if user != "" {
		with["user"] = user
	}
	for i := 0; i+1 < len(more); i += 2 {
		with[more[i]] = more[i+1]
	}
	return with
}
