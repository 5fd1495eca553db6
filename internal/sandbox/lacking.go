package sandbox

import (
	"fmt"
	"strings"
)

// LackingError says what a livekey that runs cannot do although the config asks for it,
// and prints the drop-in that lets it.
type LackingError struct {
	PID    int
	Lacks  []string
	DropIn string
}

func (e *LackingError) Error() string {
	return fmt.Sprintf("the livekey that runs (pid %d) cannot do what the config asks:\n  %s\nThis drop-in lets the service do it:\n\n%s",
		e.PID, strings.Join(e.Lacks, "\n  "), e.DropIn)
}

// Allows is nil if p can do all that needs ask for, as far as anybody can tell, else a
// *LackingError.
func Allows(p Process, needs []Need) error {
	var lacks []string
	for _, n := range needs {
		if n.lacks == nil {
			continue
		}
		if why := n.lacks(p); why != "" {
			lacks = append(lacks, n.where+": "+why)
		}
	}
	if lacks == nil {
		return nil
	}
	return &LackingError{PID: p.PID, Lacks: lacks, DropIn: DropIn(needs)}
}
