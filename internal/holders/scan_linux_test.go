package holders

import (
	"time"

	"golang.org/x/sys/unix"
)

// scan is a look at the tree that a test takes step by step.
func (tr tree) scan() *scan {
	tr.t.Helper()
	fd, err := unix.Open(tr.dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(tr.t, err)
	w := wanted()
	s := newScan(w, procDir{fd}, time.Now())
	tr.t.Cleanup(s.proc.close)
	return s
}
