package engine

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// timers is one heap for everything that waits, so that no goroutine is parked
// per key. The zero timers is ready.
type timers struct {
	mu   sync.Mutex
	heap dueHeap
	byID map[any]*dueItem
	kick chan struct{}
	beat time.Time // when run last looked
}

// heartbeat is how often run looks, due or not.
const heartbeat = 10 * time.Second

type dueItem struct {
	id    any
	at    time.Time
	fire  func()
	index int
}

// set has fire called at the given time, instead of what id was set to before.
// fire runs in the timers' own goroutine: it starts work and returns.
func (t *timers) set(id any, at time.Time, fire func()) {
	t.mu.Lock()
	if t.byID == nil {
		t.byID = map[any]*dueItem{}
	}
	if it, ok := t.byID[id]; ok {
		it.at, it.fire = at, fire
		heap.Fix(&t.heap, it.index)
	} else {
		it = &dueItem{id: id, at: at, fire: fire}
		t.byID[id] = it
		heap.Push(&t.heap, it)
	}
	first := t.heap[0].id == id
	kick := t.kicked()
	t.mu.Unlock()
	if first {
		select {
		case kick <- struct{}{}:
		default:
		}
	}
}

func (t *timers) kicked() chan struct{} {
	if t.kick == nil {
		t.kick = make(chan struct{}, 1)
	}
	return t.kick
}

// run fires what is due until ctx ends.
func (t *timers) run(ctx context.Context) {
	timer := time.NewTimer(heartbeat)
	defer timer.Stop()
	for {
		t.mu.Lock()
		kick := t.kicked()
		t.beat = time.Now()
		var due []*dueItem
		wait := heartbeat
		for len(t.heap) > 0 {
			if wait = time.Until(t.heap[0].at); wait > 0 {
				break
			}
			it := heap.Pop(&t.heap).(*dueItem)
			delete(t.byID, it.id)
			due = append(due, it)
			wait = heartbeat
		}
		t.mu.Unlock()
		for _, it := range due {
			it.fire()
		}
		if len(due) > 0 {
			continue // firing took time, and may have set something new
		}
		timer.Reset(min(wait, heartbeat))
		select {
		case <-ctx.Done():
			return
		case <-kick:
		case <-timer.C:
		}
	}
}

// lastBeat is when run last looked; the time of the call if it never did.
func (t *timers) lastBeat() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.beat.IsZero() {
		return time.Now()
	}
	return t.beat
}

// dueHeap orders items by time.
type dueHeap []*dueItem

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *dueHeap) Push(x any) {
	it := x.(*dueItem)
	it.index = len(*h)
	*h = append(*h, it)
}

func (h *dueHeap) Pop() any {
	old := *h
	it := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return it
}
