// Command sbom writes the bill of materials of a Go binary, as CycloneDX 1.6 or SPDX 2.3:
//
//	sbom -binary bin/livekey -format cdx -o livekey.cdx.json
//
// It tells what the linker wrote into the binary, not what a go.mod would allow, with the licenses that
// the modules' own files in the module cache have. The same binary gives the same bytes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "sbom:", err)
		}
		os.Exit(1)
	}
}

// formats are the documents that it can write.
var formats = map[string]func(inventory) ([]byte, error){
	"cdx":  cycloneDX,
	"spdx": spdx,
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("sbom", flag.ContinueOnError)
	flags.SetOutput(stderr)
	binary := flags.String("binary", "", "the `FILE` to describe")
	format := flags.String("format", "cdx", "cdx (CycloneDX 1.6) or spdx (SPDX 2.3), both as JSON")
	out := flags.String("o", "", "write to this `FILE`, not to stdout")
	source := flags.String("source", ".", "the checkout `DIR` of the binary, for its license")
	if err := flags.Parse(args); err != nil {
		return err
	}
	write, known := formats[*format]
	if *binary == "" || !known || flags.NArg() > 0 {
		flags.Usage()
		return fmt.Errorf("-binary FILE and -format cdx or spdx are needed, and nothing else: got format %q", *format)
	}
	inv, err := read(ctx, *binary, *source)
	if err != nil {
		return err
	}
	text, err := write(inv)
	if err != nil {
		return fmt.Errorf("write %s: %w", *format, err)
	}
	if *out == "" {
		_, err = stdout.Write(text)
		return err
	}
	return os.WriteFile(*out, text, 0o644) //nolint:gosec // to be published
}
