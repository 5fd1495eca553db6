// Package need says what a test needs beyond a plain `go test ./...`, and keeps
// an account of every promise that went untested for want of it.
package need

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// Environment of the tests. LIVEKEY_TEST=all turns on the groups that need root,
// servers or system packages (`make test` sets it). LIVEKEY_TEST_REQUIRE=all makes
// each skip a failure. LIVEKEY_TEST_SKIPS names a file to which skips are appended.
const (
	envAll     = "LIVEKEY_TEST"
	envRequire = "LIVEKEY_TEST_REQUIRE"
	envSkips   = "LIVEKEY_TEST_SKIPS"
)

// A Thing is something that a machine may lack.
type Thing struct {
	name  string
	lacks func() string // why it is not there; "" if it is
}

// Things that a test may need.
var (
	Root  = Thing{"root", func() string { return unless(os.Geteuid() == 0, "not root") }}
	Linux = Thing{"Linux", func() string { return unless(runtime.GOOS == "linux", "runs on "+runtime.GOOS) }}
)

// Program needs an executable in PATH.
func Program(name string) Thing {
	return Thing{name, func() string {
		_, err := exec.LookPath(name)
		return unless(err == nil, name+" is not installed")
	}}
}

// Working needs a command that runs and exits 0: a program alone may be there without
// the module, or too old for the option, that a test is about.
func Working(name, program string, args ...string) Thing {
	return Thing{name, func() string {
		err := exec.Command(program, args...).Run()
		return unless(err == nil, name+" is not installed")
	}}
}

// Has says whether every thing is there, for a test that can do with less.
func Has(things ...Thing) bool {
	for _, thing := range things {
		if thing.lacks() != "" {
			return false
		}
	}
	return true
}

// All skips the test unless `make test` runs it and every thing is there.
// promise says in a few words what stays untested, led by its number: "P6: ...".
func All(t testing.TB, promise string, things ...Thing) {
	t.Helper()
	if os.Getenv(envAll) == "" {
		t.Skipf("%s: part of `make test`, not of a plain go test", promise)
	}
	for _, thing := range things {
		if why := thing.lacks(); why != "" {
			skip(t, fmt.Sprintf("%s: %s (`sudo make deps` brings what a package can)", promise, why))
		}
	}
}

// Optional skips the test unless the environment has every variable: they name
// something that nobody must have, such as a server of one's own. What it skips is
// no promise untested, and LIVEKEY_TEST_REQUIRE does not ask for it.
func Optional(t testing.TB, what string, variables ...string) {
	t.Helper()
	for _, name := range variables {
		if os.Getenv(name) == "" {
			t.Skipf("%s: set %s to test it", what, strings.Join(variables, " and "))
		}
	}
}

func skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(envRequire) != "" {
		t.Fatal("required here: " + why)
	}
	if path := os.Getenv(envSkips); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, _ = fmt.Fprintln(f, why)
			_ = f.Close()
		}
	}
	t.Skip(why)
}

func unless(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}
