package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// RulePlace is where the polkit rule belongs, and RuleStep puts it there. polkit looks at a
// file when it appears, before install has made it readable, and not again by itself.
const (
	RulePlace = "/etc/polkit-1/rules.d/50-livekey.rules"
	RuleStep  = "livekey config systemd --polkit | sudo install -D -m 0644 /dev/stdin " + RulePlace +
		" && sudo systemctl try-restart polkit"
)

// Managed is a unit that livekey asks systemd to restart or reload.
type Managed struct {
	Unit, Verb, Where string
}

const manageUnits = "org.freedesktop.systemd1.manage-units"

// Rule is the polkit rule that lets livekey do with these units what the config says, and
// nothing else; "" if there are none.
func Rule(managed []Managed) string {
	if len(managed) == 0 {
		return ""
	}
	units := map[string][]string{}
	for _, m := range managed {
		if !slices.Contains(units[m.Unit], m.Verb) {
			units[m.Unit] = append(units[m.Unit], m.Verb)
		}
	}
	var b strings.Builder
	b.WriteString("// What livekey's config has systemd do, as `livekey config systemd --polkit` prints it.\n" +
		"// Units by their own names: an alias does not match. Put in place with\n" +
		"//   " + RuleStep + "\n" +
		"polkit.addRule(function(action, subject) {\n" +
		"    if (action.id != \"" + manageUnits + "\" || subject.user != \"" + User + "\")\n" +
		"        return polkit.Result.NOT_HANDLED;\n" +
		"    var allowed = {\n")
	for _, unit := range slices.Sorted(maps.Keys(units)) {
		verbs := units[unit]
		slices.Sort(verbs)
		for i, v := range verbs {
			verbs[i] = quoted(v)
		}
		_, _ = fmt.Fprintf(&b, "        %s: [%s],\n", quoted(unit), strings.Join(verbs, ", "))
	}
	b.WriteString("    };\n" +
		"    var unit = action.lookup(\"unit\"), verb = action.lookup(\"verb\");\n" +
		"    if (allowed.hasOwnProperty(unit) && allowed[unit].indexOf(verb) >= 0)\n" +
		"        return polkit.Result.YES;\n" +
		"    return polkit.Result.NOT_HANDLED;\n" +
		"});\n")
	return b.String()
}

// quoted is a unit's or a verb's name as a string of JavaScript: it has no quotes, but
// escapes such as \x2d.
func quoted(name string) string { return `"` + strings.ReplaceAll(oneLine(name), `\`, `\\`) + `"` }

// Manages is what it takes to have systemd restart or reload units: a rule, and no line
// of the drop-in, in which it stands as a comment.
func Manages(managed []Managed) (all []Need) {
	rule := strings.Split(strings.TrimSuffix(Rule(managed), "\n"), "\n")
	notes := append([]string{"polkit has to allow it. This rule does, and that alone; put it in place with", "  " + RuleStep}, rule...)
	for _, m := range managed {
		all = append(all, Need{where: m.Where, notes: notes, lacks: func(p Process) string {
			if p.root() || !unruled(m.Unit, ruleFolders) {
				return ""
			}
			return "no rule lets it have systemd " + m.Verb + " " + m.Unit
		}})
	}
	return all
}

// ruleFolders are where polkit looks.
var ruleFolders = []string{"/etc/polkit-1/rules.d", "/run/polkit-1/rules.d", "/usr/local/share/polkit-1/rules.d", "/usr/share/polkit-1/rules.d"}

// unruled says whether it is plain that no rule of the folders lets livekey manage the
// unit. A folder that cannot be read, as /etc/polkit-1/rules.d seldom can, may have one; so
// may a rule that somebody wrote by hand.
func unruled(unit string, folders []string) bool {
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false
		}
		for _, entry := range entries {
			text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
			rule := string(text)
			switch ours := entry.Name() == filepath.Base(RulePlace); {
			case err != nil, ours && strings.Contains(rule, quoted(unit)),
				!ours && strings.Contains(rule, manageUnits) && strings.Contains(rule, User):
				return false
			}
		}
	}
	return true
}

// Signals is what it takes to signal the processes of another user; "" is anybody's.
func Signals(user, where string) []Need {
	if user == User {
		return nil
	}
	const capability = "CAP_KILL"
	return []Need{{
		where: where, lines: []string{"CapabilityBoundingSet=" + capability, "AmbientCapabilities=" + capability, "ProtectProc=default"},
		notes: []string{"It costs: livekey may signal every process, and sees all of them. A unit is better told with systemd:, which needs none of this."},
		lacks: func(p Process) string { return p.without(capKill) },
	}}
}
