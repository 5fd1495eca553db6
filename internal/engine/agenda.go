package engine

import (
	"container/heap"
	"time"
)

// agenda says what is due when: each id once with what goes with it, the earliest
// first. The zero agenda is ready. Not safe for concurrent use.
type agenda[K comparable, V any] struct {
	heap dueHeap[K, V]
	byID map[K]*due[K, V]
}

type due[K comparable, V any] struct {
	id    K
	with  V
	at    time.Time
	index int
}

// set makes id due at the given time, instead of whenever it was due before.
func (a *agenda[K, V]) set(id K, at time.Time, with V) {
	if a.byID == nil {
		a.byID = map[K]*due[K, V]{}
	}
	if d, ok := a.byID[id]; ok {
		d.at, d.with = at, with
		heap.Fix(&a.heap, d.index)
		return
	}
	d := &due[K, V]{id: id, at: at, with: with}
	a.byID[id] = d
	heap.Push(&a.heap, d)
}

// first is what is due before all else; nil if nothing is.
func (a *agenda[K, V]) first() *due[K, V] {
	if len(a.heap) == 0 {
		return nil
	}
	return a.heap[0]
}

// drop makes id not due at all.
func (a *agenda[K, V]) drop(id K) {
	if d, ok := a.byID[id]; ok {
		heap.Remove(&a.heap, d.index)
		delete(a.byID, id)
	}
}

// dueHeap orders by time.
type dueHeap[K comparable, V any] []*due[K, V]

func (h dueHeap[K, V]) Len() int           { return len(h) }
func (h dueHeap[K, V]) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h dueHeap[K, V]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *dueHeap[K, V]) Push(x any) {
	d := x.(*due[K, V])
	d.index = len(*h)
	*h = append(*h, d)
}

func (h *dueHeap[K, V]) Pop() any {
	old := *h
	d := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return d
}
