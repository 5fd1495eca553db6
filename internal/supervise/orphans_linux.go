package supervise

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/procfs"
)

// orphanAge is how long a child of ours has to have been dead before it counts as one
// that nobody waits for. Those that livekey started are waited for at once.
const orphanAge = 2 * time.Second

// AdoptOrphans buries, until ctx ends, the children that livekey did not start: as
// process 1 of a container it is the parent of everyone whose own parent has ended.
func AdoptOrphans(ctx context.Context) {
	if os.Getpid() != 1 {
		return // somebody else is
	}
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGCHLD)
	defer signal.Stop(died)
	var seen map[corpse]bool
	for {
		var again <-chan time.Time
		if len(seen) > 0 {
			again = time.After(orphanAge)
		}
		select {
		case <-ctx.Done():
			return
		case <-died:
			if len(seen) == 0 {
				seen = corpses(os.Getpid())
			}
		case <-again:
			seen = bury(seen)
		}
	}
}

// corpse is a process that has ended and was not waited for. A number comes again; with
// the time of its start it does not.
type corpse struct {
	pid     int
	started uint64 // in ticks since the machine's start
}

// bury waits for those that were dead before and still are, and returns who has died since.
func bury(before map[corpse]bool) map[corpse]bool {
	left := map[corpse]bool{}
	for c := range corpses(os.Getpid()) {
		if !before[c] {
			left[c] = true
			continue
		}
		var status unix.WaitStatus
		_, _ = unix.Wait4(c.pid, &status, unix.WNOHANG, nil)
	}
	return left
}

// corpses are the dead children of parent.
func corpses(parent int) map[corpse]bool {
	found := map[corpse]bool{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // gone meanwhile
		}
		s, ok := procfs.ParseStat(text)
		if !ok || s.State != 'Z' || s.Parent != parent {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			found[corpse{pid, s.Start}] = true
		}
	}
	return found
}
