// Command schema writes the JSON Schema of livekey's config: its shape is that of the
// structs that the config is decoded into, its help texts are the comments of
// configs/reference.yaml. Run it by `go generate ./cmd/livekey`.
package main

import (
	"bytes"
	"compress/gzip"
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

// run writes the schema twice: for editors, and for the binary, of which it would be the
// largest text.
func run(reference, to string) error {
	text, err := generate(reference)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	for path, content := range map[string][]byte{to: text, to + ".gz": packed.Bytes()} {
		if err := atomicfile.Write(path, content, atomicfile.Attr{Mode: 0o644, UID: -1, GID: -1}); err != nil {
			return err
		}
	}
	return nil
}
