package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/xeipuuv/gojsonschema"
)

// describe is the document of this test's own binary, which has modules and a standard library.
func describe(t *testing.T, format string) []byte {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-binary", self, "-format", format, "-source", "../.."}, &out, os.Stderr); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestCycloneDXIsWhatItsSchemaAsksFor(t *testing.T) {
	text := describe(t, "cdx")
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(strings.TrimSpace(string(dir)), "schema")
	schemas := gojsonschema.NewSchemaLoader()
	for _, part := range []string{"jsf-0.82.schemax.json", "spdx.schema.json"} {
		if err := schemas.AddSchema("http://cyclonedx.org/schema/"+strings.Replace(part, "schemax", "schema", 1), gojsonschema.NewReferenceLoader("file://"+filepath.Join(folder, part))); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := schemas.Compile(gojsonschema.NewReferenceLoader("file://" + filepath.Join(folder, "bom-1.6.schema.json")))
	if err != nil {
		t.Fatal(err)
	}
	result, err := schema.Validate(gojsonschema.NewBytesLoader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range result.Errors() {
		t.Error(fault)
	}
	if broken, err := schema.Validate(gojsonschema.NewBytesLoader(bytes.Replace(text, []byte(`"library"`), []byte(`"libary"`), 1))); err != nil || broken.Valid() {
		t.Errorf("the schema takes a type that does not exist (%v)", err)
	}
}

func TestSPDXIsReadByItsOwnLibrary(t *testing.T) {
	doc, err := spdxjson.Read(bytes.NewReader(describe(t, "spdx")))
	if err != nil {
		t.Fatal(err)
	}
	licenses := map[string]string{}
	for _, p := range doc.Packages {
		if _, twice := licenses[p.PackageName]; twice {
			t.Errorf("%s is listed twice", p.PackageName)
		}
		licenses[p.PackageName] = p.PackageLicenseDeclared
	}
	for name, want := range map[string]string{
		"std": "BSD-3-Clause", "github.com/CycloneDX/cyclonedx-go": "Apache-2.0", "golang.org/x/mod": "BSD-3-Clause",
		"github.com/google/licensecheck": "BSD-3-Clause",
	} {
		if licenses[name] != want {
			t.Errorf("the license of %s is %q, want %q", name, licenses[name], want)
		}
	}
	if len(doc.Relationships) != len(doc.Packages) {
		t.Errorf("%d relationships of %d packages", len(doc.Relationships), len(doc.Packages))
	}
}

func TestTheSameBinaryGivesTheSameBytes(t *testing.T) {
	for format := range formats {
		first := describe(t, format)
		if !json.Valid(first) {
			t.Errorf("%s is no JSON", format)
		}
		if !bytes.Equal(first, describe(t, format)) {
			t.Errorf("%s: two documents of one binary differ", format)
		}
		t.Setenv("SOURCE_DATE_EPOCH", "1000000000")
		if dated := describe(t, format); !bytes.Contains(dated, []byte("2001-09-09T01:46:40Z")) {
			t.Errorf("%s: SOURCE_DATE_EPOCH is not heard", format)
		}
		t.Setenv("SOURCE_DATE_EPOCH", "")
	}
}

func TestWhatCannotBeReadIsNotGuessed(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "LICENSE"), []byte("All rights reserved; ask our lawyers."), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := licenseOf(dir); err != nil || got != "" {
		t.Errorf("the license is %q, %v", got, err)
	}
	if _, err := licenseOf(filepath.Join(dir, "gone")); err == nil || !strings.Contains(err.Error(), "go mod download") {
		t.Errorf("of a module that is not there: %v", err)
	}
	if err := run(t.Context(), []string{"-binary", filepath.Join(dir, "LICENSE"), "-source", "../.."}, &bytes.Buffer{}, os.Stderr); err == nil {
		t.Error("a text was taken for a binary")
	}
}
