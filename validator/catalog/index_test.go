package catalog

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write index.go anew from providers/*.yaml")

// The index says what is known of a provider without reading its file, so it
// must say what the file says. `go generate` writes it.
func TestIndexIsWhatTheFilesSay(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("package catalog\n\n//go:generate go test -run TestIndexIsWhatTheFilesSay -update .\n\n" +
		"// index is generated from providers/*.yaml.\nvar index = []indexed{\n")
	paths, err := fs.Glob(files, "providers/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := files.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := parse(path, string(text))
		if err != nil {
			t.Fatal(err)
		}
		f := p.file
		if want := "providers/" + f.ID + ".yaml"; path != want {
			t.Errorf("%s describes %s: name it %s", path, f.ID, want)
		}
		fmt.Fprintf(&b, "{\nid: %q, file: %q,\nvariables: %#v,\nprefixes: %#v,\n},\n",
			f.ID, f.ID+".yaml", f.Recognize.Variables, f.Recognize.Prefix)
	}
	b.WriteString("}\n")
	want, err := format.Source(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("index.go", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("index.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("index.go is not what providers/*.yaml say; run go generate ./validator/catalog")
	}
}
