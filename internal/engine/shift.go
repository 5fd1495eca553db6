package engine

import (
	"context"
	"sync"
)

// shift is the time in which a goroutine works on something, a key or a sink: it exists
// only while there is work, and only once. The lock of what it works on guards it.
type shift struct{ over chan struct{} } // closed when it ends; nil while nobody works

func (s *shift) busy() bool { return s.over != nil }

// begin says whether nobody works yet: then the caller starts the goroutine.
func (s *shift) begin() bool {
	if s.busy() {
		return false
	}
	s.over = make(chan struct{})
	return true
}

// end is the last thing that the goroutine does.
func (s *shift) end() {
	close(s.over)
	s.over = nil
}

// idle returns when nobody works, or ctx ends. mu is the lock, which the caller does not
// hold.
func (s *shift) idle(ctx context.Context, mu *sync.Mutex) {
	mu.Lock()
	over := s.over
	mu.Unlock()
	await(ctx, over)
}

// await returns when done is closed or ctx ends; at once if done is nil.
func await(ctx context.Context, done <-chan struct{}) {
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}
