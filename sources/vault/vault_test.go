package vault_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/sources/sourcetest"
	"github.com/livekey/livekey/sources/vault"
	"github.com/livekey/livekey/test/servers"
)

// open makes a source out of the settings that a user would write.
func open(t *testing.T, format string, args ...any) sources.Source {
	t.Helper()
	return openLogging(t, io.Discard, format, args...)
}

func openLogging(t *testing.T, log io.Writer, format string, args ...any) sources.Source {
	t.Helper()
	node, err := config.Parse("livekey.yaml", "sources.vault", fmt.Sprintf(format, args...))
	if err != nil {
		t.Fatal(err)
	}
	src, err := vault.FromConfig(sources.Env{Name: "vault", Log: slog.New(slog.NewTextHandler(log, nil))}, node)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// openWithToken makes a source that reads everything in v.
func openWithToken(t *testing.T, v backend) sources.Source {
	t.Helper()
	return openAt(t, v, v.Address())
}

// openAt does so at an address that is not its own.
func openAt(t *testing.T, v backend, address string) sources.Source {
	t.Helper()
	v.ReadPolicy("all", "+/*", "secret/*", "nope/*", "a/b/*")
	return open(t, "{address: %q, auth: {method: token, token_file: %q}}", address, tempFile(t, v.NewToken(time.Hour, "all")))
}

func tempFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credential")
	writeFile(t, path, text)
	return path
}

// writeFile replaces path as a careful writer does.
func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func at(path string) key.Location { return key.Location{Source: "vault", Path: path} }

func TestConformance(t *testing.T) {
	eachVault(t, func(t *testing.T, v backend) {
		sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
			mount := "secret"
			path := func(name string) string { return strings.ReplaceAll(t.Name(), "/", "_") + "/" + name }
			return sourcetest.Harness{
				Open:     func(t *testing.T) sources.Source { return openWithToken(t, v) },
				Location: func(name string) key.Location { return at(mount + "/" + path(name)) },
				Put: func(_ *testing.T, name string, data []byte) {
					v.Put(mount, path(name), map[string]any{"value": string(data)})
				},
				Delete: func(_ *testing.T, name string) { v.Delete(mount, path(name)) },
				Value: func(t *testing.T, r sources.Record) []byte {
					var record struct{ Value string }
					if err := json.Unmarshal(r.Data.Reveal(), &record); err != nil {
						t.Fatal(err)
					}
					return []byte(record.Value)
				},
				Address: strings.TrimPrefix(v.Address(), "http://"),
				OpenAt:  func(t *testing.T, address string) sources.Source { return openAt(t, v, "http://"+address) },
				Carries: utf8.Valid, // a JSON text has nothing else
				Numbers: true,
				Faults: map[string]func(*testing.T, []byte) key.Location{
					"a path that the policy denies": func(_ *testing.T, canary []byte) key.Location {
						v.MountKV2("denied")
						v.Put("denied", "x", map[string]any{"value": string(canary)})
						v.ReadPolicy("all", "secret/*")
						return at("denied/x")
					},
					"a sealed Vault": func(t *testing.T, canary []byte) key.Location {
						v.Put(mount, "sealed", map[string]any{"value": string(canary)})
						v.Seal()
						t.Cleanup(v.Unseal)
						return at(mount + "/sealed")
					},
				},
			}
		})
	})
}

func TestRecordCarriesItsVersion(t *testing.T) {
	eachVault(t, func(t *testing.T, v backend) {
		before := time.Now().Add(-time.Second)
		v.Put("secret", "prod/llm", map[string]any{"anthropic": "one"})
		v.Put("secret", "prod/llm", map[string]any{"anthropic": "two"})
		src := openWithToken(t, v)

		r, err := src.Fetch(t.Context(), at("secret/prod/llm"))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(r.Data.Reveal()); got != `{"anthropic":"two"}` {
			t.Errorf("data = %s", got)
		}
		if r.Version != "2" || r.Number != 2 || r.Previous != "1" {
			t.Errorf("version %q, number %d, previous %q", r.Version, r.Number, r.Previous)
		}
		if r.Created.Before(before) || r.Created.After(time.Now().Add(time.Second)) || !r.Expires.IsZero() {
			t.Errorf("created %s, expires %s", r.Created, r.Expires)
		}

		older := at("secret/prod/llm")
		older.Version = "1"
		if r, err = src.Fetch(t.Context(), older); err != nil {
			t.Fatal(err)
		}
		if got := string(r.Data.Reveal()); got != `{"anthropic":"one"}` || r.Previous != "" {
			t.Errorf("version 1: data = %s, previous %q", got, r.Previous)
		}
	})
}

func TestVersionThatIsDeletedByAgeExpires(t *testing.T) {
	v := servers.Vault(t)
	v.Do("POST", "secret/config", map[string]string{"delete_version_after": "1h"}, nil)
	v.Put("secret", "prod/llm", map[string]any{"a": "b"})
	r, err := openWithToken(t, realVault{v}).Fetch(t.Context(), at("secret/prod/llm"))
	if err != nil {
		t.Fatal(err)
	}
	if d := r.Expires.Sub(r.Created); d != time.Hour {
		t.Errorf("expires %s after it was created, want an hour", d)
	}
}

func TestEveryMountIsFoundWithOneQuestion(t *testing.T) {
	eachVault(t, func(t *testing.T, v backend) {
		v.MountKV2("a/b")
		v.MountKV1("a/old/kv")
		v.Put("a/b", "llm", map[string]any{"k": "v"})
		v.Put("secret", "deep/in/it", map[string]any{"k": "v"})
		v.PutKV1("a/old/kv", "deep/llm", map[string]any{"k": "v"})
		v.ReadPolicy("narrow", "a/b/data/llm", "secret/data/deep/in/it", "a/old/kv/deep/llm")
		src := open(t, "{address: %q, auth: {method: token, token_file: %q}}", v.Address(), tempFile(t, v.NewToken(time.Hour, "narrow")))
		for _, test := range []struct {
			rule, path, params string
			number             int64
		}{
			{"version 2 in a mount with a slash", "a/b/llm", "", 1},
			{"the same, with its mount", "llm", "mount=a/b", 1},
			{"the same, with all that Vault could say", "llm", "kv=2&mount=a/b", 1},
			{"a deep path", "secret/deep/in/it", "", 1},
			{"version 1 has no numbers", "a/old/kv/deep/llm", "", 0},
			{"the same, with its mount", "deep/llm", "mount=a/old/kv", 0},
			{"the same, with all that Vault could say", "deep/llm", "kv=1&mount=a/old/kv", 0},
		} {
			for range 2 {
				loc := at(test.path)
				loc.Params = test.params
				r, err := src.Fetch(t.Context(), loc)
				if err != nil {
					t.Errorf("%s: %v", test.rule, err)
					continue
				}
				if got := string(r.Data.Reveal()); got != `{"k":"v"}` || r.Number != test.number {
					t.Errorf("%s: %s, number %d", test.rule, got, r.Number)
				}
			}
		}
		if n := v.Requests("sys/internal/ui/mounts/"); n != 3 {
			t.Errorf("%d questions about three mounts", n)
		}
	})
}

func TestMountThatBecomesAnother(t *testing.T) {
	eachVault(t, func(t *testing.T, v backend) {
		v.MountKV1("kv")
		v.PutKV1("kv", "a", map[string]any{"k": "old"})
		v.ReadPolicy("both", "kv/*")
		src := open(t, "{address: %q, auth: {method: token, token_file: %q}}", v.Address(), tempFile(t, v.NewToken(time.Hour, "both")))
		if _, err := src.Fetch(t.Context(), at("kv/a")); err != nil {
			t.Fatal(err)
		}
		v.Unmount("kv")
		for range 3 {
			if _, err := src.Fetch(t.Context(), at("kv/a")); !errors.Is(err, vault.ErrNoMount) || !errors.Is(err, key.ErrNotFound) {
				t.Errorf("an engine that is gone: err = %v", err)
			}
		}
		if n := v.Requests("sys/internal/ui/mounts/"); n != 2 {
			t.Errorf("%d questions: one at first, one when the mount was gone, and no more for a minute", n)
		}
		v.MountKV2("kv")
		v.Put("kv", "a", map[string]any{"k": "new"})
		_, err := src.Fetch(t.Context(), at("kv/a"))
		if !errors.Is(err, vault.ErrVersion) { // asked again a minute after the last question at most
			t.Errorf("err = %v", err)
		}
	})
}

func TestNewVersionOfAnEngineIsNoticed(t *testing.T) {
	eachVault(t, func(t *testing.T, v backend) {
		v.MountKV1("kv")
		v.PutKV1("kv", "a", map[string]any{"k": "old"})
		src := openWithToken(t, v)
		v.ReadPolicy("all", "kv/*")
		if _, err := src.Fetch(t.Context(), at("kv/a")); err != nil {
			t.Fatal(err)
		}
		v.Unmount("kv")
		v.MountKV2("kv")
		v.Put("kv", "a", map[string]any{"k": "new"})
		r, err := src.Fetch(t.Context(), at("kv/a"))
		if err != nil || string(r.Data.Reveal()) != `{"k":"new"}` {
			t.Errorf("err = %v", err)
		}
	})
}

func TestMountThatIsNotThereIsSaid(t *testing.T) {
	eachVault(t, func(t *testing.T, v backend) {
		_, err := openWithToken(t, v).Fetch(t.Context(), at("nope/x"))
		if !errors.Is(err, vault.ErrDenied) || errors.Is(err, key.ErrNotFound) ||
			!strings.Contains(err.Error(), `path "nope/data/x" { capabilities = ["read"] }`) || !strings.Contains(err.Error(), "?mount=nope&kv=2") {
			t.Errorf("err = %v, want denied, the policy's line and the fields", err)
		}
		named := at("x")
		named.Params = "kv=2&mount=nope"
		if _, err := openWithToken(t, v).Fetch(t.Context(), named); !errors.Is(err, vault.ErrNoMount) || !errors.Is(err, key.ErrNotFound) {
			t.Errorf("with nothing to ask: err = %v, want no mount", err)
		}
	})
}

func TestNotFoundSaysWhatIsMissing(t *testing.T) {
	eachVault(t, func(t *testing.T, v backend) {
		for _, path := range []string{"deleted", "destroyed", "there"} {
			v.Put("secret", path, map[string]any{"k": "v"})
		}
		v.Delete("secret", "deleted")
		v.Destroy("secret", "destroyed", 1)
		v.Put("secret", "gone", map[string]any{"k": "v"})
		v.DeleteMetadata("secret", "gone")
		src := openWithToken(t, v)

		for _, test := range []struct {
			rule, path string
			version    key.Version
			want       string
			deleted    bool
		}{
			{"a secret that never was", "secret/no/such", "", "no secret no/such in the KV version 2 engine at secret/: not found", false},
			{"a secret that is gone", "secret/gone", "", "no secret gone", false},
			{"a path of the HTTP API", "secret/data/there", "", "is it secret/there?", false},
			{"a version that never was", "secret/there", "9", "no version 9 of there", false},
			{"a deleted version", "secret/deleted", "", "version 1 was deleted at " + time.Now().UTC().Format("2006-"), true},
			{"a deleted version says how to get it back", "secret/deleted", "", "vault kv undelete -mount=secret -versions=1 deleted", true},
			{"a destroyed version", "secret/destroyed", "", "version 1 is destroyed", true},
		} {
			t.Run(test.rule, func(t *testing.T) {
				loc := at(test.path)
				loc.Version = test.version
				_, err := src.Fetch(t.Context(), loc)
				if !errors.Is(err, key.ErrNotFound) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("err = %v, want not found with %q", err, test.want)
				}
				if errors.Is(err, vault.ErrDeleted) != test.deleted {
					t.Errorf("err = %v; is it ErrDeleted: want %t", err, test.deleted)
				}
			})
		}
	})
}

func TestSealedVaultIsSaidAndForgotten(t *testing.T) {
	eachVault(t, func(t *testing.T, v backend) {
		v.Put("secret", "a", map[string]any{"k": "v"})
		roleID, secretID := v.AppRole("approle", "reader", time.Hour, "all")
		byToken := openWithToken(t, v)
		byRole := open(t, "{address: %q, auth: {method: approle, role_id: %q, secret_id_file: %q}}",
			v.Address(), roleID, tempFile(t, secretID))

		v.Seal()
		for what, src := range map[string]sources.Source{"a read": byToken, "a login": byRole} {
			_, err := src.Fetch(t.Context(), at("secret/a"))
			if !errors.Is(err, vault.ErrSealed) || errors.Is(err, key.ErrNotFound) || !strings.Contains(err.Error(), "vault operator unseal") {
				t.Errorf("%s: err = %v, want sealed, and what to do", what, err)
			}
		}
		v.Unseal()
		time.Sleep(600 * time.Millisecond) // longer than a login waits after the first that failed
		for what, src := range map[string]sources.Source{"a read": byToken, "a login": byRole} {
			if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
				t.Errorf("%s after unseal: %v", what, err)
			}
		}
	})
}

func TestVaultThatIsDownAndReturns(t *testing.T) {
	v := servers.Vault(t)
	v.Put("secret", "a", map[string]any{"k": "v"})
	src := openWithToken(t, realVault{v})
	if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
		t.Fatal(err)
	}
	v.Stop()
	_, err := src.Fetch(t.Context(), at("secret/a"))
	if err == nil || errors.Is(err, key.ErrNotFound) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("Vault is down: err = %v", err)
	}
	v.Restart()
	if _, err := src.Fetch(t.Context(), at("secret/a")); err != nil {
		t.Errorf("Vault is back: %v", err)
	}
}

func TestTLSWithItsOwnRoot(t *testing.T) {
	v := servers.Vault(t, servers.WithTLS())
	v.Put("secret", "a", map[string]any{"k": "v"})
	token := tempFile(t, v.Token)
	good := open(t, "{address: %q, ca_file: %q, auth: {method: token, token_file: %q}}", v.URL, v.CAFile, token)
	if _, err := good.Fetch(t.Context(), at("secret/a")); err != nil {
		t.Errorf("with ca_file: %v", err)
	}
	bad := open(t, "{address: %q, auth: {method: token, token_file: %q}}", v.URL, token)
	if _, err := bad.Fetch(t.Context(), at("secret/a")); err == nil || !strings.Contains(err.Error(), "ca_file") {
		t.Errorf("without ca_file: err = %v, want the advice to set it", err)
	}
}

func TestCallersDeadlineEndsTheRead(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, err := openWithToken(t, newFake(t)).Fetch(ctx, at("secret/a"))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
}
