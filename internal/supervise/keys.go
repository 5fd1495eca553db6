package supervise

import (
	"maps"
	"slices"

	"github.com/livekey/livekey/internal/key"
)

// Keys are the variables that a child is given, as they are at one moment.
type Keys struct {
	Versions map[key.Name]key.Fingerprint
	// Pairs makes NAME=value of every variable. It is called when a child is started,
	// and what it returns is not kept. nil: there are none.
	Pairs func() []string
}

// beside is the whole environment of a child.
func (k Keys) beside(environ []string) []string {
	if k.Pairs == nil {
		return environ
	}
	return append(slices.Clip(environ), k.Pairs()...)
}

// Same says whether both give a child the same variables.
func (k Keys) Same(as Keys) bool { return maps.Equal(k.Versions, as.Versions) }

// newSince are the keys of which before has another version or none, sorted.
func (k Keys) newSince(before Keys) []key.Name {
	var names []key.Name
	for _, name := range slices.Sorted(maps.Keys(k.Versions)) {
		if before.Versions[name] != k.Versions[name] {
			names = append(names, name)
		}
	}
	return names
}
