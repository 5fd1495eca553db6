package logwatch

import (
	"context"
	"time"

	"github.com/livekey/livekey/internal/command"
	"github.com/livekey/livekey/internal/schedule"
)

// Journalctl is the program by which a journal is followed.
const Journalctl = "/usr/bin/journalctl"

// Times of a follower that ends.
const (
	restartFirst = time.Second
	restartLimit = time.Minute
	settled      = 5 * time.Second // one that has run for this long works
)

// Journal is what one unit of the system's systemd writes to the journal.
type Journal struct {
	Unit    string
	Program string // "": Journalctl
}

// Follow runs journalctl, again and again should it end. What is logged between two runs
// is not seen: a consumer that is refused logs it again.
func (j Journal) Follow(ctx context.Context, line func([]byte), trouble func(error)) {
	program := j.Program
	if program == "" {
		program = Journalctl
	}
	c := command.Command{
		// Of each entry its message alone, and none of before. Without --merge it looks for
		// the number of this boot, which livekey.service hides.
		Argv:    []string{program, "--follow", "--merge", "--lines=0", "--output=cat", "--quiet", "--no-pager", "--unit=" + j.Unit},
		Inherit: []string{"LANG", "PATH"},
	}
	for failures := 0; ctx.Err() == nil; failures++ {
		began := time.Now()
		works := time.NewTimer(settled)
		ended := make(chan error, 1)
		go func() { ended <- c.Stream(ctx, &lines{each: line}) }()
		var err error
		select {
		case <-works.C:
			trouble(nil)
			err = <-ended
		case err = <-ended:
		}
		works.Stop()
		if ctx.Err() != nil {
			return
		}
		trouble(err)
		if time.Since(began) >= restartLimit {
			failures = 0
		}
		select {
		case <-time.After(schedule.Backoff(failures, restartFirst, restartLimit, schedule.Phase("journal", j.Unit))):
		case <-ctx.Done():
		}
	}
}
