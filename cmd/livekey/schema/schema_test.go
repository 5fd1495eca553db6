package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/livekey/livekey/configs"
	"github.com/livekey/livekey/internal/config"
)

const (
	reference = "../../../configs/reference.yaml"
	committed = "../../../configs/livekey.schema.json"
	badFolder = "../../../internal/config/testdata/bad/"
)

func TestTheCommittedSchemaIsUpToDate(t *testing.T) {
	want, err := generate(reference)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(committed)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("configs/livekey.schema.json is not what the code and configs/reference.yaml say (%v): go generate ./cmd/livekey", err)
	}
	if got, err := configs.Schema(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("configs/livekey.schema.json.gz is not the same (%v): go generate ./cmd/livekey", err)
	}
}

func load(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	text, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// value is a YAML file as an editor's validator sees it.
func value(t *testing.T, file string) (v any, err error) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n, err := config.Parse(file, "", string(text))
	if err != nil {
		return nil, err
	}
	if err := n.Decode(&v); err != nil {
		return nil, err
	}
	text, err = json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	v = nil
	return v, json.Unmarshal(text, &v)
}

func TestEveryExampleIsValid(t *testing.T) {
	schema := load(t)
	files, err := filepath.Glob("../../../configs/*.yaml")
	more, err2 := filepath.Glob("../../../configs/*/*.yaml")
	drops, err3 := filepath.Glob("../../../configs/*/*/*.yaml")
	if files = slices.Concat(files, more, drops); err != nil || err2 != nil || err3 != nil || len(files) < 8 {
		t.Fatalf("%d examples found", len(files))
	}
	for _, f := range files {
		v, err := value(t, f)
		if err == nil {
			err = schema.Validate(v)
		}
		if err != nil {
			t.Errorf("%s: %v", f, err)
		}
		text, _ := os.ReadFile(f)
		if filepath.Base(f) != "installed.yaml" && !strings.HasPrefix(string(text), "# yaml-language-server: $schema=") {
			t.Errorf("%s does not name its schema in its first line", f)
		}
	}
}

// loaderOnly are the bad configs that no schema can refuse, by what that would have to know.
var loaderOnly = map[string]string{
	"base_url_host":               "which hosts are public",
	"base_url_http":               "which hosts are loopback",
	"base_url_parts":              "what the parts of a URL may be",
	"comments_only":               "the other files",
	"duplicate_field":             "the text: a reader of YAML refuses it before",
	"duplicate_in_entry":          "the text: a reader of YAML refuses it before",
	"duplicate_key":               "the text: a reader of YAML refuses it before",
	"durations_too_short":         "how long a duration is",
	"empty":                       "the other files",
	"env_required":                "the name of the entry",
	"from_unknown_source":         "another section",
	"identity_contradicts":        "another field",
	"metrics_address":             "what an address is",
	"no_keys":                     "the other files",
	"parts_of_one_field":          "another field",
	"parts_unknown":               "another field",
	"parts_without_env":           "another field",
	"probe_too_fast_for_base_url": "how long a duration is",
	"provider_none_with_more":     "another field",
	"secret_as_name":              "what a secret looks like",
	"secret_in_url":               "what a secret looks like",
	"sink_keys_unknown":           "another section",
	"sink_same_path":              "another entry",
	"sink_same_variable":          "another section",
	"socket_of_reports":           "another name than one",
	"socket_too_long":             "how many bytes a text has",
}

func TestBadConfigsAreRefusedWhereASchemaCanSaySo(t *testing.T) {
	schema := load(t)
	files, err := filepath.Glob(badFolder + "*.yaml")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d bad configs found, %v", len(files), err)
	}
	for _, f := range files {
		v, err := value(t, f)
		if err == nil {
			err = schema.Validate(v)
		}
		name := strings.TrimSuffix(filepath.Base(f), ".yaml")
		why, known := loaderOnly[name]
		if known != (err == nil) {
			t.Errorf("%s: the schema says %v, and the table %q", name, err, why)
		}
	}
}

// A field that nobody can look up is a field that nobody uses.
func TestTheReferenceShowsEverySettingOfEveryKind(t *testing.T) {
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Read(reference, text, kinds())
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]map[string]bool{}
	show := func(kind string, settings config.Node) {
		var fields map[string]any
		if err := settings.Decode(&fields); err != nil {
			t.Fatal(err)
		}
		if shown[kind] == nil {
			shown[kind] = map[string]bool{}
		}
		for name := range fields {
			shown[kind][name] = true
		}
	}
	for _, s := range cfg.Sources {
		show(s.Kind, s.Settings)
	}
	for _, s := range cfg.Sinks {
		show(s.Kind, s.Settings)
	}
	for _, c := range cfg.Alerts {
		show(c.Kind, c.Settings)
	}
	sameAs := map[string]string{"directory": "env_file"} // their common fields stand there once
	for _, table := range []map[string]any{sourceKinds, sinkKinds, channelKinds} {
		for kind, settings := range table {
			for field := range config.Fields(reflect.TypeOf(settings)) {
				if !shown[kind][field] && !shown[sameAs[kind]][field] {
					t.Errorf("configs/reference.yaml does not show %s of kind %s", field, kind)
				}
			}
		}
	}
}
