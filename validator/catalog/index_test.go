package catalog

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write index.go, catalog.json and docs/providers anew from providers/*.yaml")

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
	var index, blob bytes.Buffer
	index.WriteString("package catalog\n\n//go:generate go test -run WhatTheFilesSay$ -update .\n\n" +
		"// index is generated from providers/*.yaml.\nvar index = []indexed{\n")
	for _, f := range sourceFiles(t) {
		text := compact(t, f)
		r := f.Recognize
		fmt.Fprintf(&index, "{\nid: %q, baseURL: %q,\nvariables: %#v,\nshared: %#v,\nprefixes: %#v,\npins: %#v,\nat: %d, length: %d,\n},\n",
			f.ID, f.BaseURL, r.Variables, r.Shared, r.Prefix, newProvider(f).Pins(), blob.Len(), len(text))
		blob.Write(text)
		blob.WriteByte('\n')
	}
	index.WriteString("}\n")
	code, err := format.Source(index.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{"index.go": code, "catalog.json": blob.Bytes()} {
		if *update {
			if err := os.WriteFile(name, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what providers/*.yaml say; run go generate ./validator/catalog", name)
		}
	}
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
