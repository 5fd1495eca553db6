package main

import (
	"fmt"
	"iter"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// giveBack lets go of the pages of the program itself that starting took: clients that
// were set up, tables that were filled. They are clean copies of a file, so what is
// needed again comes back from the page cache by itself. It makes no difference to what
// livekey does; where it cannot be done, nothing is lost.
func giveBack() {
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for from, to := range cleanMappings(string(maps)) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED)
	}
}

// cleanMappings are the mappings of smaps, from and to, that are of a file, cannot be
// written, and have no page that ever was: dropping any other loses what is in it.
func cleanMappings(smaps string) iter.Seq2[uintptr, uintptr] {
	return func(yield func(from, to uintptr) bool) {
		var from, to uintptr
		ofFile := false
		for line := range strings.Lines(smaps) {
			var a, b uintptr
			var mode string
			if _, err := fmt.Sscanf(line, "%x-%x %s", &a, &b, &mode); err == nil {
				from, to, ofFile = a, b, strings.HasPrefix(mode, "r-") && strings.Contains(line, " /")
				continue
			}
			rest, found := strings.CutPrefix(line, "Anonymous:")
			if found && ofFile && strings.Join(strings.Fields(rest), " ") == "0 kB" && !yield(from, to) {
				return
			}
		}
	}
}
