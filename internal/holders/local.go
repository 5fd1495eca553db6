package holders

import (
	"errors"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

// Options are where a Local looks.
type Options struct {
	Proc  string   // where procfs is mounted; /proc if empty
	Files []string // globs of files that are searched too: holders.files
}

// Local looks at the machine that it runs on, as far as its user may: at the environment
// of every process, and at the files of Options.
type Local struct{ opt Options }

// NewLocal does no I/O. What its user may not see is found out by each look.
func NewLocal(opt Options) *Local {
	if opt.Proc == "" {
		opt.Proc = "/proc"
	}
	return &Local{opt}
}

// Files searches files alone: what is left for the daemon where a service looks at the
// processes. Globs are those of holders.files.
type Files struct{ Globs []string }

// hit is a wanted fingerprint and the variable that has it.
type hit struct {
	print    key.Fingerprint
	variable string
}

// maxHits is how many sightings one process or file can cause: a number that no honest
// one reaches.
const maxHits = 64

// maxName is the length of a variable's name, in bytes, that is told.
const maxName = 128

// VariableOf is how a variable is told. Its name comes from outside, and whoever mixed up the
// two, or wrote nothing but keys, has a value there.
func VariableOf(name []byte) string {
	told := nameOf(name)
	if len(told) == len(name) && told != "" && secret.Scrub(errors.New(told)).Error() != told {
		return "(a name that could be a key)"
	}
	return told
}

// nameOf is how a name is told that comes from outside.
func nameOf(b []byte) string {
	if len(b) > maxName {
		return "(a name too long)"
	}
	for _, c := range b {
		if c <= ' ' || c > '~' {
			return "(a name not printable)"
		}
	}
	return string(b)
}
