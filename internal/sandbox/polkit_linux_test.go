package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var managed = []Managed{
	{"b@1.service", "reload", "livekey.yaml:2:1: b"},
	{"a.service", "try-restart", "livekey.yaml:1:1: a"},
	{"a.service", "reload", "livekey.yaml:3:1: a"},
	{`x-\\x2d.service`, "reload", "livekey.yaml:4:1: x"},
}

func TestTheRuleNamesUnitsAndVerbsAlone(t *testing.T) {
	rule := Rule(managed)
	for _, want := range []string{
		`"a.service": ["reload", "try-restart"],`, `"b@1.service": ["reload"],`, `"x-\\\\x2d.service": ["reload"],`,
		`subject.user != "livekey"`, `action.id != "org.freedesktop.systemd1.manage-units"`,
	} {
		if !strings.Contains(rule, want) {
			t.Errorf("no %s in\n%s", want, rule)
		}
	}
	if strings.Count(rule, "polkit.Result.YES") != 1 {
		t.Errorf("says yes more than once:\n%s", rule)
	}
	if Rule(nil) != "" {
		t.Error("a rule for no unit")
	}
}

func TestTheDropInHasTheRuleAsAComment(t *testing.T) {
	text := DropIn(Manages(managed))
	for line := range strings.Lines(Rule(managed)) {
		if !strings.Contains(text, "#   "+line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	if got := directives(text); len(got) > 0 {
		t.Errorf("directives %q", got)
	}
	for _, m := range managed {
		if !strings.Contains(text, m.Where) {
			t.Errorf("no %s in\n%s", m.Where, text)
		}
	}
}

func TestAMissingRuleIsSaidOnlyWhereItIsPlain(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		want       bool
	}{
		"no rule at all":              {"", "", true},
		"a rule about something else": {"49.rules", "org.freedesktop.udisks2", true},
		"the rule":                    {"50-livekey.rules", Rule([]Managed{{"a.service", "reload", ""}}), false},
		"the rule of another config":  {"50-livekey.rules", Rule([]Managed{{"b.service", "reload", ""}}), true},
		"one by hand":                 {"10-ours.rules", manageUnits + " for livekey", false},
	} {
		folder := t.TempDir()
		if c.file != "" {
			if err := os.WriteFile(filepath.Join(folder, c.file), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := unruled("a.service", []string{"/nonexistent", folder}); got != c.want {
			t.Errorf("%s: missing %t, want %t", name, got, c.want)
		}
	}
	file := filepath.Join(t.TempDir(), "no-folder")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if unruled("a.service", []string{file}) {
		t.Error("said of a folder that cannot be listed")
	}
}
