// Package docs is what people read. Its tests keep it true.
package docs

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/doctor"
	"github.com/livekey/livekey/validator/catalog"
)

var kinds = config.Kinds{
	Sources:  []string{"awssm", "env", "exec", "file", "kubernetes", "vault"},
	Sinks:    []string{"directory", "env_file", "kubernetes_secret"},
	Channels: []string{"alertmanager", "exec", "kubernetes_events", "pagerduty", "slack", "webhook"},
}

func TestEveryConfigOfTheReadmeIsGood(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(read(t, "../README.md"), -1)
	if len(blocks) < 2 {
		t.Fatalf("%d configs found", len(blocks))
	}
	for _, b := range blocks {
		if _, err := config.Read("/etc/livekey/livekey.yaml", []byte(b[1]), kinds); err != nil {
			t.Errorf("%v\nin\n%s", err, b[1])
		}
	}
}

// What the pages about kinds show has to be taken as it stands, beside a key.
func TestEveryEntryOfThePagesIsGood(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]int{"alerts.md": 6, "aws.md": 2, "exec.md": 1, "kubernetes.md": 1} {
		blocks := regexp.MustCompile("(?s)```yaml\n((?:alerts|sources):\n.*?)```").FindAllStringSubmatch(read(t, page), -1)
		if len(blocks) != want {
			t.Errorf("%d entries found in %s, want %d", len(blocks), page, want)
		}
		for _, b := range blocks {
			text := b[1]
			if !strings.Contains(text, "\nkeys:") {
				text += "keys: {OPENAI_API_KEY: {from: \"env://OPENAI_API_KEY\"}}\n"
			}
			if _, err := config.Read("/etc/livekey/livekey.yaml", []byte(text), kinds); err != nil {
				t.Errorf("%v\nin\n%s", err, text)
			}
		}
	}
}

// The page has one whole file, and pieces that such a file may have.
func TestTheProviderOfThePageIsGood(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(read(t, "providers.md"), -1)
	if len(blocks) < 3 {
		t.Fatalf("%d blocks found", len(blocks))
	}
	whole := blocks[0][1]
	for i, b := range blocks {
		text := whole
		switch piece := b[1]; {
		case i == 0:
		case strings.HasPrefix(piece, "- "): // rules
			text = regexp.MustCompile(`(?m)^rules:.*$`).ReplaceAllString(whole, "rules:\n"+strings.TrimSpace(piece))
			text = strings.ReplaceAll(text, "\n  - ", "\n- ")
		default:
			text += piece
		}
		if err := catalog.Builtin().Add("gateway", "gateway.yaml", []byte(text)); err != nil {
			t.Errorf("%v\nin\n%s", err, text)
		}
	}
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	var files []string
	for _, pattern := range []string{"*.md", "../*.md", "providers/*.md", "migrate/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 10 {
		t.Fatalf("only %d pages found", len(files))
	}
	for _, file := range files {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			if _, err := os.Stat(path.Join(path.Dir(file), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			}
		}
	}
}

// The pages of single issuers are listed by providers/README.md.
func TestTheSiteListsEveryPage(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, pattern := range []string{"*.md", "migrate/*.md", "adr/*.md", "providers/README.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, found...)
	}
	for _, m := range regexp.MustCompile(`(?m)^ +- .*: (\S+\.md)$`).FindAllStringSubmatch(read(t, "../mkdocs.yml"), -1) {
		got = append(got, m[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("mkdocs.yml lists %v, there are %v", got, want)
	}
}

func TestTheArchitectureNamesEveryPackage(t *testing.T) {
	t.Parallel()
	text := read(t, "ARCHITECTURE.md")
	cmd := exec.CommandContext(t.Context(), "go", "list", "../...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list packages: %v", err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		name := strings.TrimPrefix(pkg, "github.com/livekey/livekey/")
		if !strings.Contains(text, name) && !strings.Contains(text, path.Base(name)) {
			t.Errorf("no word about %s", name)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTheDoctorsPageHasEveryCauseInOrder(t *testing.T) {
	t.Parallel()
	var got []doctor.Name
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(read(t, "doctor.md"), -1) {
		got = append(got, doctor.Name(m[1]))
	}
	if !slices.Equal(got, doctor.Causes()) {
		t.Errorf("the page has %v, the table %v", got, doctor.Causes())
	}
}
