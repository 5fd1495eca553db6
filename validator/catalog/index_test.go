package catalog

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"flag"
	"fmt"
	"go/format"
	"io"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write index.go, catalog.deflated and docs/providers anew from providers/*.yaml")

// sourceFiles are the files of the built-in providers, checked, in the order of their names.
func sourceFiles(t testing.TB) []*file {
	t.Helper()
	paths, err := filepath.Glob("providers/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []*file
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := decode(path, string(text))
		if err != nil {
			t.Fatal(err)
		}
		if want := "providers/" + f.ID + ".yaml"; path != want {
			t.Errorf("%s describes %s: name it %s", path, f.ID, want)
		}
		all = append(all, f)
	}
	return all
}

// The binary has the files as JSON, and an index of what is known without reading one. Both
// must say what the files say. `go generate` writes them.
func TestIndexIsWhatTheFilesSay(t *testing.T) {
	var text, blob bytes.Buffer
	text.WriteString("package catalog\n\n//go:generate go test -run WhatTheFilesSay$ -update .\n\n" +
		"// index is generated from providers/*.yaml.\nvar index = []indexed{\n")
	for _, f := range sourceFiles(t) {
		said := compact(t, f)
		at, length := blob.Len(), 0
		if *update {
			length = deflate(t, &blob, said)
		} else { // what deflates it anew may do so in other bytes
			at, length = inBlob(t, f.ID, said)
		}
		r := f.Recognize
		fmt.Fprintf(&text, "{\nid: %q, baseURL: %q,\nvariables: %#v,\nshared: %#v,\nprefixes: %#v,\npins: %#v,\nat: %d, length: %d,\n},\n",
			f.ID, f.BaseURL, r.Variables, r.Shared, r.Prefix, newProvider(f).Pins(), at, length)
	}
	text.WriteString("}\n")
	code, err := format.Source(text.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		for name, text := range map[string][]byte{"index.go": code, "catalog.deflated": blob.Bytes()} {
			if err := os.WriteFile(name, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := os.ReadFile("index.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, code) {
		t.Errorf("index.go is not what providers/*.yaml say; %s", anew)
	}
}

const anew = "run go generate ./validator/catalog"

// deflate appends text to to, and returns how many bytes it took.
func deflate(t *testing.T, to *bytes.Buffer, text []byte) int {
	t.Helper()
	before := to.Len()
	w, err := flate.NewWriter(to, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return to.Len() - before
}

// inBlob is where the binary has a file, which must say want there.
func inBlob(t *testing.T, id string, want []byte) (at, length int) {
	t.Helper()
	for _, i := range index {
		if i.id != id {
			continue
		}
		if got, err := io.ReadAll(i.inflate()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("catalog.deflated is not what %s.yaml says (%v); %s", id, err, anew)
		}
		return i.at, i.length
	}
	t.Errorf("index.go has no %s; %s", id, anew)
	return 0, 0
}

// compact is f as JSON without what it does not say.
func compact(t *testing.T, f *file) []byte {
	t.Helper()
	whole, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(whole))
	d.UseNumber()
	var said any
	if err := d.Decode(&said); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(withoutEmpty(said))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// withoutEmpty drops null, empty texts, lists and maps. What a rule compares with may be
// empty, or false.
func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		kept := map[string]any{}
		for name, inner := range v {
			if inner = withoutEmpty(inner); inner != nil || name == "Equals" && v[name] != nil {
				kept[name] = v[name]
				if inner != nil {
					kept[name] = inner
				}
			}
		}
		if len(kept) > 0 {
			return kept
		}
		return nil
	case []any:
		for i := range v {
			if kept := withoutEmpty(v[i]); kept != nil {
				v[i] = kept
			}
		}
		if len(v) > 0 {
			return v
		}
		return nil
	case string:
		if v == "" {
			return nil
		}
	}
	return v
}

// What the binary has of a file is the same provider as the file's own.
func TestJSONSaysWhatTheFileSays(t *testing.T) {
	for _, f := range sourceFiles(t) {
		p, err := Builtin().Lookup(f.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := compact(t, p.file), compact(t, f); !bytes.Equal(got, want) {
			t.Errorf("%s: got %s\nwant %s", f.ID, got, want)
		}
	}
}
