// Package bench measures what livekey promises about speed and size, each beside
// its floor: what the same machine needs, in the same run, for a program that
// does the bare minimum. The binary is the release build, started as its users
// start it; every far end is on loopback.
//
// `make bench` runs it. A plain go test only tests the arithmetic.
package bench

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

var (
	measure   = flag.Bool("figures", false, "measure the figures of the README (takes twenty minutes)")
	binary    = flag.String("livekey", "", "the binary that is measured (default bin/livekey of the repository)")
	rotations = flag.Int("rotations", 400, "rotations of each row")
	starts    = flag.Int("starts", 30, "starts of the daemon")
	outage    = flag.Duration("outage", 10*time.Minute, "how long Vault is down")
)

// figures are those of this run.
var figures table

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv(floorEnv) != "" { // this process is the program that is compared with
		if err := runFloor(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "floor:", err)
			return 1
		}
		return 0
	}
	flag.Parse()
	if !*measure {
		return m.Run()
	}
	// The reader spins on one processor; the issuer needs another.
	runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	code := m.Run()
	if missed := figures.missed(); len(missed) > 0 {
		fmt.Printf("\n%d of %d limits MISSED\n", len(missed), figures.limits())
		return 1
	}
	fmt.Printf("\nall %d limits kept\n", figures.limits())
	return code
}

// release returns the path of the binary that is measured.
func release(t *testing.T) string {
	t.Helper()
	path := *binary
	if path == "" {
		path = filepath.Join("..", "..", "bin", "livekey")
	}
	path, err := filepath.Abs(path)
	must(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: `make build` makes it", err)
	}
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
