// Command schema writes the JSON Schema of livekey's config: its shape is that of the
// structs that the config is decoded into, its help texts are the comments of
// configs/reference.yaml. Run it by `go generate ./cmd/livekey`.
package main

import (
	"fmt"
	"os"

	"github.com/livekey/livekey/internal/atomicfile"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: schema REFERENCE.yaml SCHEMA.json")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

func run(reference, to string) error {
	text, err := generate(reference)
	if err != nil {
		return err
	}
	return atomicfile.Write(to, text, atomicfile.Attr{Mode: 0o644, UID: -1, GID: -1})
}
