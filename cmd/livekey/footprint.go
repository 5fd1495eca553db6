package main

import (
	"context"
	"runtime/debug"
	"time"
)

// How much garbage may lie around, in percent of what is in use. At a start time counts;
// from then on the daemon is idle nearly always, what it holds of thousands of keys is
// most of its memory, and values that nothing needs any more are erased the sooner.
const (
	gcAtStart = 100
	gcSteady  = 20
)

// When to give back what nothing needs any more, counted from the start: the first calls
// load what later ones do without, such as the set-up of a connection.
const (
	leanFirst = 2 * time.Second
	leanEvery = 5 * time.Minute
)

// stayLean gives back what only the start took, once that is over, and goes on to do so
// until ctx ends.
func stayLean(ctx context.Context, ready <-chan struct{}) {
	select {
	case <-ready:
		debug.SetGCPercent(gcSteady)
	case <-ctx.Done():
		return
	}
	for wait := leanFirst; ; wait = leanEvery {
		select {
		case <-time.After(wait):
			giveBack()
		case <-ctx.Done():
			return
		}
	}
}
