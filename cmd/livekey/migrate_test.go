package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/migrate"
)

// The pages show what import makes of a config, so the page is made of it: with -update.
var (
	beforeAndAfter = regexp.MustCompile("(?s)```hcl\n(.*?)```\n.*?```yaml\n(.*?)```")
	afterAlone     = regexp.MustCompile("(?s)```yaml\n(.*?)```")
)

func TestImportMakesWhatTheGuidesShow(t *testing.T) {
	for page, want := range map[string]int{"vault-agent.md": 2, "consul-template.md": 1, "envconsul.md": 1} {
		file := filepath.Join("../../docs/migrate", page)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := beforeAndAfter.FindAllSubmatchIndex(text, -1)
		if len(found) != want {
			t.Errorf("%s has %d examples, want %d", page, len(found), want)
		}
		for _, m := range slices.Backward(found) { // from the end, for the places of the others
			r, err := migrate.Read(text[m[2]:m[3]], migrate.Options{Run: "/run/livekey"})
			if err != nil {
				t.Fatalf("%s: %v", page, err)
			}
			c := imported(&r)
			c.Tail = leftLines(r)
			if got := c.String(); got != string(text[m[4]:m[5]]) && !*update {
				t.Errorf("%s shows something else than\n%s\ngo test ./cmd/livekey -run Guides -update", page, got)
			}
			text = append(append(append([]byte{}, text[:m[4]]...), c.String()...), text[m[5]:]...)
		}
		if *update {
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What the page about env files shows is what init writes.
func TestInitWritesWhatTheGuideShows(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte("ANTHROPIC_API_KEY=a\nSTRIPE_API_KEY=b\nLOG_LEVEL=info\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	i := &interview{asker: &asker{}, dir: "/etc/livekey", run: "/run/livekey", reader: "dotenv"}
	if err := i.look([]string{file}, nil); err != nil {
		t.Fatal(err)
	}
	if err := i.ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/migrate/dotenv.md")
	if err != nil {
		t.Fatal(err)
	}
	want := string(afterAlone.FindSubmatch(page)[1])
	if got := strings.ReplaceAll(i.config.String(), file, "/srv/app/.env"); got != want {
		t.Errorf("init writes\n%s\nthe page shows\n%s", got, want)
	}
}

func TestEveryConfigOfTheGuidesBecomesAPlan(t *testing.T) {
	pages, err := filepath.Glob("../../docs/migrate/*.md")
	if err != nil || len(pages) < 6 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	configs := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range afterAlone.FindAllSubmatch(text, -1) {
			configs++
			cfg, err := config.Read("/etc/livekey/livekey.yaml", m[1], kinds())
			if err == nil {
				_, err = assemble(cfg, slog.New(slog.DiscardHandler), knowsNothing)
			}
			if err != nil {
				t.Errorf("%s: %v\nin\n%s", filepath.Base(page), err, m[1])
			}
		}
	}
	if configs < 7 {
		t.Errorf("only %d configs found", configs)
	}
}
