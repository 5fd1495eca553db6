package docs

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
)

var update = flag.Bool("update", false, "write options.md anew from configs/reference.yaml")

// section is a field of the top of a config: what is said above it, and its lines.
type section struct {
	name  string
	above []string
	lines []string
}

var topField = regexp.MustCompile(`^([a-z_]+):`)

// sections are those of a reference, and what is said before the first.
func sections(text string) (intro []string, all []section) {
	var above []string
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		m := topField.FindStringSubmatch(line)
		switch {
		case m != nil:
			all = append(all, section{name: m[1], above: above, lines: []string{line}})
			above = nil
		case strings.HasPrefix(line, "#"):
			above = append(above, strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
		case line == "" && len(all) == 0:
			intro, above = above, nil
		case len(all) > 0 && len(above) == 0:
			last := &all[len(all)-1]
			last.lines = append(last.lines, line)
		}
	}
	return intro, all
}

// optionsPage is docs/options.md, as configs/reference.yaml has it.
func optionsPage(reference string) string {
	intro, all := sections(reference)
	var b strings.Builder
	b.WriteString("# Options\n\n`livekey config schema` prints the same for an editor, as a JSON Schema.\n\n")
	b.WriteString(strings.Join(intro[1:], "\n") + "\n")
	for _, s := range all {
		b.WriteString("\n## " + s.name + "\n\n")
		if len(s.above) > 0 {
			b.WriteString(strings.Join(s.above, "\n") + "\n\n")
		}
		b.WriteString("```yaml\n" + strings.TrimRight(strings.Join(s.lines, "\n"), "\n") + "\n```\n")
	}
	return b.String()
}

func TestTheOptionsArePagesOfTheReference(t *testing.T) {
	want := optionsPage(read(t, "../configs/reference.yaml"))
	if *update {
		if err := os.WriteFile("options.md", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, "options.md") != want {
		t.Error("options.md is not what configs/reference.yaml says: go test ./docs -run Options -update")
	}
}

// Every cause of an alert has a section of the runbook, in the order in which they are known.
func TestTheRunbookHasEveryCause(t *testing.T) {
	t.Parallel()
	source := read(t, "../internal/key/cause.go")
	var want []string
	for _, m := range regexp.MustCompile(`Cause = "([a-z_]+)"`).FindAllStringSubmatch(source, -1) {
		want = append(want, m[1])
	}
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^## ([a-z_]+)$`).FindAllStringSubmatch(read(t, "runbook.md"), -1) {
		got = append(got, m[1])
	}
	if len(want) == 0 || want[0] != string(key.CandidateRejected) || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the runbook has %v, alerts have %v", got, want)
	}
}
