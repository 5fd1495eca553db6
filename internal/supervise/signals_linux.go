package supervise

import (
	"os"
	"syscall"
)

// The signals that have a number and no name. The two before them are the C library's.
const (
	realTimeFirst = 34
	realTimeLast  = 64
)

func realTime() []os.Signal {
	var all []os.Signal
	for n := realTimeFirst; n <= realTimeLast; n++ {
		all = append(all, syscall.Signal(n))
	}
	return all
}
