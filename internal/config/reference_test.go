package config

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func readExample(t *testing.T, name string) *Config {
	t.Helper()
	text, err := os.ReadFile("../../configs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	// As the machine's own, so that the defaults do not depend on who runs the test.
	c, err := Read("/etc/livekey/"+name, text, exampleKinds)
	if err != nil {
		t.Fatalf("configs/%s is refused:\n%v", name, err)
	}
	return c
}

func TestExamplesAreAccepted(t *testing.T) {
	for name, want := range map[string][]string{
		"laptop.yaml": {"shell"},
		"server.yaml": {"app", "files"},
	} {
		c := readExample(t, name)
		if got := slices.Sorted(maps.Keys(c.Sinks)); !slices.Equal(got, want) {
			t.Errorf("configs/%s has the sinks %v, want %v", name, got, want)
		}
	}
}

var ignoreNodes = cmp.Options{
	cmpopts.IgnoreTypes(Node{}),
	cmpopts.IgnoreUnexported(Config{}),
	cmpopts.EquateEmpty(),
}

func TestReferenceStatesTheRealDefaults(t *testing.T) {
	reference := readExample(t, "reference.yaml")

	got := *reference
	got.Sources, got.Keys, got.Sinks, got.Alerts, got.Providers, got.Peers = nil, nil, nil, nil, nil, nil
	if diff := cmp.Diff(*Default(true), got, ignoreNodes); diff != "" {
		t.Errorf("a default that configs/reference.yaml states is not the real one (-real +stated):\n%s", diff)
	}

	bare, err := Read("/etc/livekey/bare.yaml", []byte(`
sinks:
  env_file: {path: /x, keys: all}
keys:
  ANTHROPIC_API_KEY: {from: "vault://secret/prod/llm#anthropic"}
`), testKinds)
	if err != nil {
		t.Fatal(err)
	}
	const name = "ANTHROPIC_API_KEY"
	if diff := cmp.Diff(bare.Keys[name], reference.Keys[name], ignoreNodes); diff != "" {
		t.Errorf("a key's default that configs/reference.yaml states is not the real one (-real +stated):\n%s", diff)
	}
	if bare.Sinks["env_file"].Complete != reference.Sinks["app"].Complete {
		t.Error("configs/reference.yaml states another default for complete")
	}
	step := read(t, `
keys: {A: {from: "env://A", provider: none}}
sinks: {env_file: {path: /x, keys: all, on_change: {systemd: app.service, health: {url: "http://127.0.0.1:8080/health"}}}}
`).Sinks["env_file"].OnChange
	stated := reference.Sinks["app"].OnChange
	if stated.Steps[0].Action != UnitRestart {
		t.Error("configs/reference.yaml states another default for action of an env file")
	}
	stated.Steps[0].Action = ""
	if diff := cmp.Diff(step, stated, ignoreNodes); diff != "" {
		t.Errorf("a default of on_change that configs/reference.yaml states is not the real one (-real +stated):\n%s", diff)
	}
}

func TestReferenceShowsEveryField(t *testing.T) {
	text, err := os.ReadFile("../../configs/reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	root, err := Parse("reference.yaml", "", string(text))
	if err != nil {
		t.Fatal(err)
	}
	onChange := func(n Node) Node { // what several entries show together
		c, _ := n.field("on_change")
		return c
	}
	sinks, _ := root.field("sinks")
	app, _ := sinks.field("app")
	files, _ := sinks.field("files")
	steps, _ := onChange(files).field("steps")
	shown := []Node{onChange(app), onChange(files)}
	for i, item := range target(steps.yaml).Content {
		shown = append(shown, steps.item(i, item))
	}
	for field := range Fields(reflect.TypeFor[onChangeSpec]()) {
		if !slices.ContainsFunc(shown, func(n Node) bool { return n.has(field) }) {
			t.Errorf("configs/reference.yaml does not show %s of on_change", field)
		}
	}
	for field := range Fields(reflect.TypeFor[journalSpec]()) {
		if !root.has("keys.aws-deployer.reports.journal."+field) && !root.has("keys.aws-deployer.reports.file."+field) {
			t.Errorf("configs/reference.yaml does not show %s of a journal", field)
		}
	}
	for field := range Fields(reflect.TypeFor[fileSpec]()) {
		if !root.has("keys.aws-deployer.reports.file."+field) && field != "match" { // a journal shows it
			t.Errorf("configs/reference.yaml does not show %s of a log file", field)
		}
	}
	for place, shape := range map[string]any{
		"":                       top{},
		"policy":                 policySpec{},
		"policy.confirm":         policySpec{}.Confirm,
		"log":                    Log{},
		"holders":                Holders{},
		"lease":                  Lease{},
		"keys.ANTHROPIC_API_KEY": keySpec{},
	} {
		for field := range Fields(reflect.TypeOf(shape)) {
			path := joinPath(place, field)
			if path == "keys.ANTHROPIC_API_KEY.policy" { // stands there as a comment: its fields are policy's
				continue
			}
			if !root.has(path) {
				t.Errorf("configs/reference.yaml does not show %s", path)
			}
		}
	}
}
