package main

import (
	"log/slog"
	"testing"

	"github.com/livekey/livekey/internal/config"
)

func TestAReloadKeepsSourcesThatAreSaidTheSame(t *testing.T) {
	t.Parallel()
	plan := func(sources string) *plan {
		t.Helper()
		text := sources + "keys:\n  A: {from: vault://secret/a#b, provider: none}\n  B: {from: other://secret/a#b, provider: none}\n"
		cfg, err := config.Read("/etc/livekey/livekey.yaml", []byte(text), kinds())
		if err != nil {
			t.Fatal(err)
		}
		p, err := assemble(cfg, slog.New(slog.DiscardHandler), knowsNothing)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	before := plan(`
sources:
  vault: {address: "https://vault.example:8200", auth: {method: token, token_file: /etc/token}}
  other: {kind: vault, address: "https://vault.example:8200", auth: {method: token, token_file: /etc/token}}
`)
	after := plan(`
sources: # another order, another form, another comment
  other:
    kind: vault
    address: https://vault.example:8200
    auth: {method: token, token_file: /etc/other-token}
  vault:
    address: https://vault.example:8200   # the same
    auth:
      method: token
      token_file: "/etc/token"
`)
	after.keepSources(before)
	if after.sources["vault"] != before.sources["vault"] {
		t.Error("a source that is said the same in other words was made anew: its login is lost")
	}
	if after.sources["other"] == before.sources["other"] {
		t.Error("a source that is said otherwise was kept: it goes on with the old file")
	}
}
