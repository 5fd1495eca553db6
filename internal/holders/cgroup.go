package holders

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// place is where a process belongs, as its control group tells.
type place struct {
	unit, userUnit string
	container      string // id
	pod            string // uid
}

// places reads /proc/PID/cgroup files. root is the control group of the systemd whose
// units are told: "" but in a container that sees the machine's whole tree.
type places struct{ root string }

// newPlaces finds the root by what the first process, if it is systemd, is in.
func newPlaces(first []byte) places {
	for _, path := range groups(first) {
		if root, ok := strings.CutSuffix(path, "/init.scope"); ok {
			return places{root}
		}
	}
	return places{}
}

// of reads one file. Of a process that is in no unit it tells nothing.
func (p places) of(text []byte) place {
	for _, path := range groups(text) {
		if at := parseGroup(strings.TrimPrefix(path, p.root)); at != (place{}) {
			return at
		}
	}
	return place{}
}

// groups returns the paths in the order in which they are believed: of the hierarchy
// that systemd keeps if there are several (version 1 and hybrid), of the only one
// (version 2), and of version 1's controllers, where containers are without a systemd.
func groups(text []byte) (paths []string) {
	rank := func(controllers string) int {
		switch controllers {
		case "name=systemd":
			return 0
		case "":
			return 1
		default:
			return 2
		}
	}
	var ranks [3][]string
	for line := range bytes.Lines(text) {
		fields := strings.SplitN(strings.TrimSuffix(string(line), "\n"), ":", 3)
		if len(fields) == 3 {
			r := rank(fields[1])
			ranks[r] = append(ranks[r], fields[2])
		}
	}
	return slices.Concat(ranks[:]...)
}

var (
	// An id, which Docker, containerd, CRI-O and Podman put into a scope with their name
	// before it, or into a group as it is.
	containerGroup = lazily(`^(?:([a-z]+(?:-[a-z]+)*)-)?([0-9a-f]{64})(?:\.scope)?$`)
	// A kubelet that asks systemd for slices writes underscores for the uid's dashes.
	podSlice = lazily(`kubepods.*-pod([0-9a-f_]{32,36})\.slice$`)
	podGroup = lazily(`^pod([0-9a-f-]{32,36})$`)
	session  = lazily(`^session-[^/]*\.scope$`)
)

// lazily compiles an expression when it is needed first: those here would take a third of a
// megabyte of a livekey that never looks.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// parseGroup reads one path, from the outside in. A containerd that was told of slices and
// has none joins slice, runtime and id by colons. Names of units are left as they are:
// an escape such as \x2d is part of the name.
func parseGroup(path string) (at place) {
	users, inside, pods := false, false, false // in a user's manager; in a unit of the machine; below kubepods
	for name := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == ':' && strings.Contains(path, "kubepods") }) {
		pods = pods || strings.Contains(name, "kubepods")
		if users { // who may call his own groups a pod's
			pods = false
		}
		if m := podSlice().FindStringSubmatch(name); m != nil && pods {
			at.pod = strings.ReplaceAll(m[1], "_", "-")
			continue
		}
		if m := podGroup().FindStringSubmatch(name); m != nil && pods {
			at.pod = m[1]
			continue
		}
		if m := containerGroup().FindStringSubmatch(name); m != nil && !strings.Contains(m[1], "conmon") {
			at.container = m[2]
			if users && at.userUnit == "" {
				at.unit = "" // a user's manager, which is not restarted for a container
			}
			return at // what is inside of it has its own systemd, if any
		}
		unit := strings.TrimPrefix(name, "_") // which systemd puts before names that the kernel has uses for
		switch {
		case !isUnit(unit) || session().MatchString(unit):
		case !inside:
			at.unit, inside = unit, true
			users = strings.HasPrefix(unit, "user@")
		case users && at.userUnit == "" && unit != "init.scope":
			at.userUnit = unit
		}
	}
	return at
}

// unitGroup is the name of a unit that has processes, of the letters that systemd knows. Whoever
// was given a part of the tree, as every user is, makes groups of any name in it.
var unitGroup = regexp.MustCompile(`^[A-Za-z0-9:_.\\@-]+\.(service|scope|socket|mount|swap)$`)

// isUnit says whether a group is that of a unit.
func isUnit(name string) bool { return len(name) <= 255 && unitGroup.MatchString(name) }
