// Command prebuild builds the servers of the tests into their cache, so that no
// test has to wait for it: `go run ./test/servers/prebuild`.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/livekey/livekey/test/servers"
)

func main() {
	fmt.Fprintln(os.Stderr, "building the Vault server of the tests (some minutes the first time)")
	start := time.Now()
	path, err := servers.BuildVault()
	if err != nil {
		fmt.Fprintln(os.Stderr, "prebuild:", err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "%s, after %s\n", path, time.Since(start).Round(time.Millisecond))
}
