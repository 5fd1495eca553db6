package main

import (
	"context"
	"runtime/debug"
	"time"
)

// How much garbage may lie around, in percent of what is in use. The daemon is idle
// nearly always, what it holds of thousands of keys is most of its memory, and values
// that nothing needs any more are erased the sooner. At a start time counts too; but what
// a larger heap leaves in pieces then stays in pieces.
const (
	gcAtStart = 20
	gcSteady  = 10
)

// leanEvery is how often to give back pages of the program that nothing needed since.
// What is needed comes back in microseconds; the set-up of a connection, say, is not.
const leanEvery = 10 * time.Second

// stayLean gives back what only the start took, once that is over, and goes on to do so
// until ctx ends.
func stayLean(ctx context.Context, ready <-chan struct{}) {
	select {
	case <-ready:
		debug.SetGCPercent(gcSteady)
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(leanEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			giveBack()
		case <-ctx.Done():
			return
		}
	}
}
