// Command image packs static programs into an OCI image for several platforms, without
// Docker, a registry, a base image or root. `make image` packs livekey with it:
//
//	image -o livekey.tar -name ghcr.io/example/livekey:1.0 -binary amd64=FILE -binary arm64=FILE
//
// The image has the program as its entry point, at /<base name of -title>, the certificate
// authorities that Mozilla trusts, a user 65532 without a name or rights, and nothing
// else: no shell, no libc. What goes in is what the flags name, so the same flags make the
// same bytes on every machine.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// A spec is what the flags say.
type spec struct {
	out      string            // the archive
	name     string            // of the image, as a registry and containerd have it
	title    string            // of the program; it lies at /title
	binaries map[string]string // architecture of Linux: the static program
	sbom     map[string]string // architecture: a folder, whose *.json lie in /usr/share/sbom
	created  time.Time
	labels   map[string]string // beside those of the flags above
}

// The mistakes of a caller.
var (
	errNoBinary = errors.New("no -binary ARCH=FILE")
	errNoOutput = errors.New("no -o FILE")
)

func main() {
	s, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err == nil {
		err = pack(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func parse(args []string) (spec, error) {
	s := spec{binaries: map[string]string{}, sbom: map[string]string{}, labels: map[string]string{}}
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.StringVar(&s.out, "o", "", "the OCI archive to write")
	flags.StringVar(&s.name, "name", "localhost/livekey:dev", "the image's name and tag")
	flags.StringVar(&s.title, "title", "livekey", "the program's name, and its path in the image")
	flags.Func("binary", "ARCH=FILE, a static program for Linux; once for each architecture", into(s.binaries))
	flags.Func("sbom", "ARCH=DIR, a folder with bills of materials of that binary, as *.json", into(s.sbom))
	flags.Func("label", "NAME=VALUE of the image's config; may be given often", into(s.labels))
	created := flags.Int64("created", 0, "when the source was written, in seconds since 1970")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	s.created = time.Unix(*created, 0).UTC()
	switch {
	case s.out == "":
		return s, errNoOutput
	case len(s.binaries) == 0:
		return s, errNoBinary
	}
	return s, nil
}

// into makes a flag that fills a map with what is left and right of its =.
func into(m map[string]string) func(string) error {
	return func(text string) error {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" || value == "" {
			return fmt.Errorf("%q is not NAME=VALUE", text)
		}
		m[name] = value
		return nil
	}
}

// sorted are the keys of a map in the one order that every run has.
func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
