package key

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Consumer is who uses a key, as a config declares it and a scan finds it: a kind, a
// colon and a name, such as unit:app.service, pod:shop/api or host:web-2.
type Consumer string

// The kinds of consumers.
const (
	ConsumerUnit      = "unit"      // of the system's systemd: unit:app.service
	ConsumerUserUnit  = "user-unit" // of a user's: user-unit:ada/app.service
	ConsumerPod       = "pod"       // pod:namespace/name
	ConsumerContainer = "container" // by id: container:3f2a…
	ConsumerProcess   = "process"   // a process of none of these, by user and command: process:ada/gunicorn
	ConsumerHost      = "host"      // all that another livekey sees: host:web-2
)

var consumerKinds = []string{
	ConsumerUnit, ConsumerUserUnit, ConsumerPod, ConsumerContainer, ConsumerProcess, ConsumerHost,
}

// NewConsumer joins a kind and a name.
func NewConsumer(kind, name string) Consumer { return Consumer(kind + ":" + name) }

// ParseConsumer reads what a config or a consumer itself says. The error names no more
// than the kind.
func ParseConsumer(s string) (Consumer, error) {
	kind, name, ok := strings.Cut(s, ":")
	if !ok || !slices.Contains(consumerKinds, kind) {
		return "", fmt.Errorf("must begin with one of %s, and a colon: unit:app.service", strings.Join(consumerKinds, ", "))
	}
	if name == "" || len(name) > 253 || strings.ContainsFunc(name, invisible) {
		return "", fmt.Errorf("%s: needs a name of 1 to 253 visible characters behind the colon", kind)
	}
	if (kind == ConsumerPod || kind == ConsumerUserUnit || kind == ConsumerProcess) && !strings.Contains(strings.Trim(name, "/"), "/") {
		return "", fmt.Errorf("%s: needs two names with a slash between them, such as %s", kind, examples[kind])
	}
	if (kind == ConsumerUnit || kind == ConsumerUserUnit) && !strings.HasSuffix(name, ".service") && !strings.HasSuffix(name, ".scope") {
		return "", fmt.Errorf("%s: needs the name of a unit in full, such as %s", kind, examples[kind])
	}
	return Consumer(s), nil
}

var examples = map[string]string{
	ConsumerUnit: "unit:app.service", ConsumerPod: "pod:shop/api", ConsumerUserUnit: "user-unit:ada/app.service", ConsumerProcess: "process:ada/gunicorn",
}

// invisible is what moves a cursor, turns the direction of writing, or shows nothing.
func invisible(r rune) bool { return r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r) }

// Kind is what stands before the colon.
func (c Consumer) Kind() string { kind, _, _ := strings.Cut(string(c), ":"); return kind }

// Name is what stands behind it.
func (c Consumer) Name() string { _, name, _ := strings.Cut(string(c), ":"); return name }
