// Package soak has livekey run for long and through bad times, in bubble time: far
// ends that fail, come back, lie and crowd. What piles up is a leak, and what dies
// without having died is a false alarm.
package soak

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// days is three in a plain go test, where the third is compared with the second;
// `make soak` plays a month.
var days = flag.Int("days", 3, "days to simulate")

const (
	monthKeys = 10

	heapGrowth = 1 << 20 // bytes, from the second day to the last
)

// Days pass in seconds: every key is rotated each day, far ends fail
// again and again, and nothing is left over: no goroutine, no descriptor, no memory.
func TestDaysLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := newMonth(t)
		world.start()
		defer world.stop()
		pass(time.Minute)

		var early usage
		for day := range *days {
			world.day(day)
			if day == 1 {
				early = look(t)
			}
		}
		late := look(t)
		t.Logf("%d days: %d probes, %d reads, %d sink writes; %v, then %v", *days, world.issuer.asked.Load(), world.records.reads.Load(), world.sink.writes.Load(), early, late)
		if late.goroutines != early.goroutines || late.descriptors != early.descriptors {
			t.Errorf("usage went from %v to %v", early, late)
		}
		if grown := int64(late.heap) - int64(early.heap); grown > heapGrowth {
			t.Errorf("the heap grew by %d bytes, allowed are %d", grown, heapGrowth)
		}
		if n := world.sink.writes.Load(); n < int64(*days*monthKeys) {
			t.Errorf("%d writes for %d rotations", n, *days*monthKeys)
		}
		for _, cause := range []key.Cause{key.KeyDead, key.CandidateRejected} {
			if n := world.channel.opened(cause); n != 0 {
				t.Errorf("%s was told %d times, and every key lived", cause, n)
			}
		}
	})
}

// month is a machine and the far ends that fail in it.
type month struct {
	*machine
	issuer *issuer
}

func newMonth(t *testing.T) *month {
	t.Helper()
	var names []string
	for i := range monthKeys {
		names = append(names, fmt.Sprintf("KEY_%d", i))
	}
	m := &month{machine: newMachine(t, names...), issuer: &issuer{}}
	m.machine.issuer = m.issuer
	m.refresh = 5 * time.Minute
	return m
}

// day rotates every key, has a far end fail for half an hour, and ends with what
// the sink must have.
func (m *month) day(n int) {
	for _, name := range m.keys {
		m.records.set(name, generation(name, n+1))
		pass(time.Hour)
	}
	switch n % 3 {
	case 0:
		m.records.fail(errDown)
	case 1:
		m.issuer.silent.Store(true)
	case 2:
		m.channel.fail(errDown)
	}
	pass(30 * time.Minute)
	m.records.fail(nil)
	m.issuer.silent.Store(false)
	m.channel.fail(nil)
	pass(14*time.Hour - 30*time.Minute)
	m.holds(n + 1)
}

// usage is what a process can leak.
type usage struct {
	goroutines, descriptors int
	heap                    uint64
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d KiB of heap", u.goroutines, u.descriptors, u.heap>>10)
}

func look(t *testing.T) usage {
	t.Helper()
	descriptors := 0
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
		for _, fd := range fds { // the runtime opens its poller with the first that needs it
			if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && !strings.HasPrefix(to, "anon_inode:") {
				descriptors++
			}
		}
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers let go
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), descriptors, m.HeapAlloc}
}
