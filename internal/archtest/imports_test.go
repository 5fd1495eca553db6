package archtest

import (
	"path"
	"strings"
)

// A rule holds over the whole tree. check returns a line for each violation.
type rule struct {
	name   string
	reason string
	check  func(t tree) []string
}

// suites are packages that only tests import.
var suites = []string{"sources/sourcetest", "sinks/sinktest", "validator/checkertest", "alerts/alerttest", "internal/archtest"}

// production is what ends in the binary.
var production = scope{in: []string{"..."}, except: append([]string{"test/..."}, suites...)}

// kinds are the concrete backends.
var kinds = scope{in: []string{"sources/*", "sinks/*", "validator/*", "alerts/*"}, except: suites}

// Packages through which I/O is done.
var (
	network = []string{"net", "net/http/...", "net/rpc/...", "net/smtp", "golang.org/x/net/..."}
	system  = []string{"os/...", "io/ioutil", "syscall", "golang.org/x/sys/...", "context"}
	values  = []string{"internal/secret", "internal/proof"}
)

var importRules = []rule{
	{
		"key is at the bottom",
		"everybody imports the nouns, so they import the standard library alone",
		func(t tree) (bad []string) {
			for _, i := range importsOf(t, "internal/key") {
				if !isStandard(i) || strings.HasPrefix(i, "internal/") {
					bad = append(bad, "internal/key imports "+i)
				}
			}
			return bad
		},
	},
	{
		"what decides and what remembers sees no value",
		"importing secret or proof means that a value can get here; rotation, schedule and journal live on names and fingerprints",
		reaches(scope{in: []string{"rotation/...", "internal/schedule", "internal/journal"}}, values),
	},
	{
		"what decides does no I/O",
		"rotation and schedule decide and the engine acts: that is why every decision can be tested",
		reaches(scope{in: []string{"rotation/...", "internal/schedule"}}, append(network, system...)),
	},
	{
		"the journal knows no network",
		"what livekey remembers is written for itself alone",
		reaches(scope{in: []string{"internal/journal"}}, network),
	},
	{
		"who tells others has no managed key",
		"whoever imports proof can be handed the value of a managed key; alerts, admin and report tell names and fingerprints",
		reaches(scope{in: []string{"alerts/...", "internal/admin", "internal/metrics", "internal/report", "internal/ui"}}, []string{"internal/proof"}),
	},
	{
		"sources know nothing of proof",
		"a record is not proved: a source that could make Material could pass by normalize",
		reaches(scope{in: []string{"sources/..."}}, []string{"internal/proof"}),
	},
	{
		"the engine knows contracts, never a kind",
		"a new backend must not touch the engine",
		func(t tree) (bad []string) {
			t.reach("internal/engine", func(i, way string) {
				if kinds.has(i) {
					bad = append(bad, way)
				}
			})
			return bad
		},
	},
	{
		"only cmd wires kinds",
		"the tables in cmd/livekey are the one place that names backends; a kind that imports another one is two ideas in one",
		func(t tree) (bad []string) {
			allowed := scope{in: []string{"cmd/livekey/...", "test/..."}}
			for _, dir := range t.dirs() {
				for _, i := range importsOf(t, dir) {
					if kinds.has(i) && !allowed.has(dir) && !ownHelper(dir, i) {
						bad = append(bad, dir+" imports "+i)
					}
				}
			}
			return bad
		},
	},
	{
		"wiring is on top",
		"imports point down: nothing but commands, the drill and tests stands above the engine and cmd",
		func(t tree) (bad []string) {
			for _, dir := range t.dirs() {
				for _, i := range importsOf(t, dir) {
					if matches(i, []string{"cmd/...", "internal/engine"}) && !matches(dir, []string{"cmd/...", "test/..."}) {
						bad = append(bad, dir+" imports "+i)
					}
				}
			}
			return bad
		},
	},
	{
		"suites are for tests",
		"a conformance suite in the binary brings package testing with it",
		func(t tree) (bad []string) {
			for _, dir := range t.dirs() {
				for _, i := range importsOf(t, dir) {
					if production.has(dir) && (matches(i, suites) || matches(i, []string{"test/...", "testing/..."})) {
						bad = append(bad, dir+" imports "+i)
					}
				}
			}
			return bad
		},
	},
	{
		"one reader of YAML",
		"internal/config reads it strictly, with places and without quoting values; a second reader would do one of these differently",
		func(t tree) (bad []string) {
			for _, dir := range t.dirs() {
				for _, i := range importsOf(t, dir) {
					if dir != "internal/config" && !isStandard(i) && strings.Contains(i, "yaml") {
						bad = append(bad, dir+" imports "+i)
					}
				}
			}
			return bad
		},
	},
	{
		"no metrics library in the daemon",
		"it brings protobuf, two megabytes of it: internal/metrics writes the text, and its tests read it with the library",
		func(t tree) (bad []string) {
			for _, dir := range t.dirs() {
				for _, i := range importsOf(t, dir) {
					if strings.HasPrefix(i, "github.com/prometheus/") {
						bad = append(bad, dir+" imports "+i)
					}
				}
			}
			return bad
		},
	},
	{
		"no schema library in the daemon",
		"cmd/livekey/schema writes the schema of the config when it changes; the daemon has it as a text",
		func(t tree) (bad []string) {
			for _, dir := range t.dirs() {
				for _, i := range importsOf(t, dir) {
					if dir != "cmd/livekey/schema" && strings.Contains(i, "jsonschema") {
						bad = append(bad, dir+" imports "+i)
					}
				}
			}
			return bad
		},
	},
	{
		"one way to D-Bus",
		"internal/systemd asks for single properties: all of a service's would bring the values of its Environment= here",
		func(t tree) (bad []string) {
			for _, dir := range t.dirs() {
				for _, i := range importsOf(t, dir) {
					if dir != "internal/systemd" && matches(i, []string{"github.com/godbus/dbus/...", "github.com/coreos/go-systemd/v22/dbus"}) {
						bad = append(bad, dir+" imports "+i)
					}
				}
			}
			return bad
		},
	},
	{
		"no templates",
		"they call methods by name, so the linker keeps every method of every type: two of thirteen megabytes",
		func(t tree) (bad []string) {
			for _, dir := range t.dirs() {
				for _, i := range importsOf(t, dir) {
					if production.has(dir) && matches(i, []string{"text/template", "html/template"}) {
						bad = append(bad, dir+" imports "+i)
					}
				}
			}
			return bad
		},
	},
	{
		"no pprof",
		"a heap profile of this process is a list of keys",
		func(t tree) (bad []string) {
			for _, dir := range t.dirs() {
				for _, i := range importsOf(t, dir) {
					if matches(i, []string{"net/http/pprof", "runtime/pprof", "expvar"}) {
						bad = append(bad, dir+" imports "+i)
					}
				}
			}
			return bad
		},
	},
}

func importsOf(t tree, dir string) []string {
	if p := t.packages[dir]; p != nil {
		return p.imports()
	}
	return nil
}

// ownHelper says whether kind is a helper inside of dir, or one that the kinds of
// a contract share in its internal folder.
func ownHelper(dir, kind string) bool {
	top, _, _ := strings.Cut(dir, "/")
	return strings.HasPrefix(kind, dir+"/") && strings.Contains(dir, "/") || strings.HasPrefix(kind, path.Join(top, "internal")+"/") || strings.HasPrefix(dir, kind+"/")
}

// reaches forbids a way, however long, from the packages in from to the forbidden ones.
func reaches(from scope, forbidden []string) func(tree) []string {
	return func(t tree) (bad []string) {
		for _, dir := range t.dirs() {
			if !from.has(dir) || matches(dir, suites) {
				continue
			}
			t.reach(dir, func(i, way string) {
				if matches(i, forbidden) {
					bad = append(bad, way)
				}
			})
		}
		return bad
	}
}
