package catalog

import (
	"runtime"
	"testing"
)

// What is kept of a file once it was read is small: a daemon without a config keeps
// every provider that a prefix could name.
func TestAProviderStaysSmall(t *testing.T) {
	const each = 100 << 10
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	var kept []*Provider
	for _, id := range Builtin().IDs() {
		p, err := Builtin().Lookup(id)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, p)
	}
	if got := (heap() - before) / int64(len(kept)); got > each {
		t.Errorf("%d KiB each, want %d at most", got>>10, each>>10)
	}
	runtime.KeepAlive(kept)
}
