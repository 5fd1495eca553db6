// Package e2e tests livekey as its users see it: the binary, started as a child,
// with an issuer, a Vault and a webhook receiver on loopback around it. The tests
// judge by sinks, JSON, exit codes, signals and what the far ends received; they
// know nothing of the inside.
//
// A plain go test plays the main job and the exit codes of once. What kills,
// hangs, leaks or needs a real Vault is part of `make test`.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// binary is livekey as it is released, without the race detector.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the binary once for all tests, and removes it afterwards.
func run(m *testing.M) int {
	// A shell cannot trap what it was started to ignore, as nohup does with SIGHUP.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	dir, err := os.MkdirTemp("", "livekey-e2e-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// A test may start it as another user.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	binary = filepath.Join(dir, "livekey")
	build := exec.Command("go", "build", "-o", binary, "github.com/livekey/livekey/cmd/livekey")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build livekey: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
