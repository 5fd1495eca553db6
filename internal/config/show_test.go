package config

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShowReadsBackTheSame(t *testing.T) {
	for _, name := range []string{"reference.yaml", "server.yaml", "laptop.yaml"} {
		want := readExample(t, name)
		shown, err := Show(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read("/etc/livekey/shown.yaml", shown, exampleKinds)
		if err != nil {
			t.Fatalf("%s: what Show wrote is refused: %v\n%s", name, err, shown)
		}
		if diff := cmp.Diff(want, got, ignoreNodes); diff != "" {
			t.Errorf("%s: Read(Show(c)) (-want +got):\n%s", name, diff)
		}
		again, err := Show(got)
		if err != nil || !bytes.Equal(shown, again) {
			t.Errorf("%s: Show is not stable (%v):\n%s", name, err, cmp.Diff(string(shown), string(again)))
		}
	}
}

func TestShowIsTheEffectiveConfig(t *testing.T) {
	c := read(t, `
sources:
  vault:
    address: &a https://v.example # a comment
    note: *a
keys:
  K-1:
    from: vault://secret/a%23b?version=3&namespace=x#f
    env: {V: value}
    identity: follow
    lint: {allow: [quotes, 'blank']}
    policy: {grace: 1h30m, confirm: {over: 2m}}
  A: {from: "env://A", provider: none}
sinks:
  env_file: {path: /x, mode: '0640', keys: all}
policy: {probe: 90m}
`)
	shown, err := Show(c)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/show.want")
	if *update {
		want, err = shown, os.WriteFile("testdata/show.want", shown, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(shown)); diff != "" {
		t.Errorf("Show (-want +got):\n%s", diff)
	}
}

func TestShowMasksWhatMayBeATokenInAnAddress(t *testing.T) {
	const start = "keys:\n  A: {from: \"env://A\", provider: none}\nalerts:\n  webhook: {secret_file: /s, url: "
	for url, want := range map[string]string{
		"https://hooks.example.com/services/T0/B0/canary": "https://hooks.example.com/***",
		"https://hooks.example.com:8443/?token=canary":    "https://hooks.example.com:8443/***",
		"https://hooks.example.com/#canary":               "https://hooks.example.com/***",
		"https://hooks.example.com":                       "https://hooks.example.com",
		"https://hooks.example.com/":                      "https://hooks.example.com/",
	} {
		shown, err := Show(read(t, start+"\""+url+"\"}\n"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(shown), `url: "`+want+"\"\n") || !strings.Contains(string(shown), "secret_file: /s") {
			t.Errorf("%s: want %s in\n%s", url, want, shown)
		}
	}
}
