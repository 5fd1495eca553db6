package main

import (
	"encoding/json"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livekey/livekey/configs"
	"github.com/livekey/livekey/internal/config"
)

// Every example must load with its drop-ins and become a plan, as `config check` makes
// one: with the real kinds, the real providers and the real dialects.
func TestEveryExampleBecomesAPlan(t *testing.T) {
	for name, sinks := range map[string][]string{
		"ci.yaml":                 {"job"},
		"kubernetes-cluster.yaml": {"llm-proved"},
		"kubernetes-node.yaml":    {"host"},
		"laptop.yaml":             {"shell"},
		"server.yaml":             {"app", "files"},
		"sidecar.yaml":            {"app"},
		"teams/livekey.yaml":      {"payments", "search"},
	} {
		t.Run(name, func(t *testing.T) {
			p := planOf(t, filepath.Join(copyOf(t, "../../configs"), name))
			if got := sorted(p.sinks); !slices.Equal(got, sinks) {
				t.Errorf("it has the sinks %v, want %v", got, sinks)
			}
		})
	}
}

// What two teams say is kept apart: a sink has its team's keys and group alone.
func TestTheTeamsOfTheExampleShareNoKey(t *testing.T) {
	p := planOf(t, filepath.Join(copyOf(t, "../../configs"), "teams/livekey.yaml"))
	got := map[string]string{}
	for name, s := range p.cfg.Sinks {
		for _, k := range s.Keys {
			got[string(k)] += name
		}
	}
	want := map[string]string{"payments-openai": "payments", "search-anthropic": "search", "search-openai": "search"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys by sink (-want +got):\n%s", diff)
	}
}

func planOf(t *testing.T, file string) *plan {
	t.Helper()
	cfg, err := config.Load(file, kinds())
	if err != nil {
		t.Fatalf("configs/%s is refused:\n%v", filepath.Base(file), err)
	}
	p, err := assemble(cfg, slog.New(slog.DiscardHandler), knowsNothing)
	if err != nil {
		t.Fatalf("configs/%s is refused:\n%v", filepath.Base(file), err)
	}
	return p
}

// copyOf is a folder's YAML with the rights that a config must have, whatever git's checkout gave it.
func copyOf(t *testing.T, folder string) string {
	t.Helper()
	to := t.TempDir()
	from := os.DirFS(folder)
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(from, name)
		if err != nil || !strings.HasSuffix(name, ".yaml") {
			return err
		}
		if err := os.MkdirAll(filepath.Join(to, filepath.Dir(name)), 0o700); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// An editor must offer every kind that this binary has, and no other.
func TestTheSchemaKnowsEveryKind(t *testing.T) {
	var schema struct {
		Properties map[string]struct{ Properties map[string]any }
	}
	text, err := configs.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	of := func(section string) []string { return sorted(schema.Properties[section].Properties) }
	got := config.Kinds{Sources: of("sources"), Sinks: of("sinks"), Channels: of("alerts")}
	if diff := cmp.Diff(kinds(), got); diff != "" {
		t.Errorf("kinds of this binary and of configs/livekey.schema.json (-binary +schema):\n%s\nadd a line to cmd/livekey/schema/table.go, then: go generate ./cmd/livekey", diff)
	}
}
