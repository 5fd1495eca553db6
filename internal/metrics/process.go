package metrics

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/procfs"
)

// runtimes are what Go says of its memory, under the names and in the words that
// Prometheus' own library uses: each is the sum of what it equals.
var runtimes = []struct {
	family
	equals []string
}{
	{gauge("go_gc_gogc_percent", "Heap size target percentage configured by the user, otherwise 100. This value is set by the GOGC environment variable, and the runtime/debug.SetGCPercent function. Sourced from /gc/gogc:percent."), []string{"/gc/gogc:percent"}},
	{gauge("go_gc_gomemlimit_bytes", "Go runtime memory limit configured by the user, otherwise math.MaxInt64. This value is set by the GOMEMLIMIT environment variable, and the runtime/debug.SetMemoryLimit function. Sourced from /gc/gomemlimit:bytes."), []string{"/gc/gomemlimit:bytes"}},
	{gauge("go_goroutines", "Number of goroutines that currently exist."), []string{"/sched/goroutines:goroutines"}},
	{gauge("go_sched_gomaxprocs_threads", "The current runtime.GOMAXPROCS setting, or the number of operating system threads that can execute user-level Go code simultaneously. Sourced from /sched/gomaxprocs:threads."), []string{"/sched/gomaxprocs:threads"}},
	{gauge("go_memstats_alloc_bytes", "Number of bytes allocated in heap and currently in use. Equals to /memory/classes/heap/objects:bytes."), []string{objects}},
	{family{"go_memstats_alloc_bytes_total", counts, "Total number of bytes allocated in heap until now, even if released already. Equals to /gc/heap/allocs:bytes.", nil}, []string{"/gc/heap/allocs:bytes"}},
	{gauge("go_memstats_buck_hash_sys_bytes", "Number of bytes used by the profiling bucket hash table. Equals to /memory/classes/profiling/buckets:bytes."), []string{"/memory/classes/profiling/buckets:bytes"}},
	{family{"go_memstats_frees_total", counts, "Total number of heap objects frees. Equals to /gc/heap/frees:objects + /gc/heap/tiny/allocs:objects.", nil}, []string{"/gc/heap/frees:objects", tiny}},
	{gauge("go_memstats_gc_sys_bytes", "Number of bytes used for garbage collection system metadata. Equals to /memory/classes/metadata/other:bytes."), []string{"/memory/classes/metadata/other:bytes"}},
	{gauge("go_memstats_heap_alloc_bytes", "Number of heap bytes allocated and currently in use, same as go_memstats_alloc_bytes. Equals to /memory/classes/heap/objects:bytes."), []string{objects}},
	{gauge("go_memstats_heap_idle_bytes", "Number of heap bytes waiting to be used. Equals to /memory/classes/heap/released:bytes + /memory/classes/heap/free:bytes."), []string{released, free}},
	{gauge("go_memstats_heap_inuse_bytes", "Number of heap bytes that are in use. Equals to /memory/classes/heap/objects:bytes + /memory/classes/heap/unused:bytes"), []string{objects, unused}},
	{gauge("go_memstats_heap_objects", "Number of currently allocated objects. Equals to /gc/heap/objects:objects."), []string{"/gc/heap/objects:objects"}},
	{gauge("go_memstats_heap_released_bytes", "Number of heap bytes released to OS. Equals to /memory/classes/heap/released:bytes."), []string{released}},
	{gauge("go_memstats_heap_sys_bytes", "Number of heap bytes obtained from system. Equals to /memory/classes/heap/objects:bytes + /memory/classes/heap/unused:bytes + /memory/classes/heap/released:bytes + /memory/classes/heap/free:bytes."), []string{objects, unused, released, free}},
	{family{"go_memstats_mallocs_total", counts, "Total number of heap objects allocated, both live and gc-ed. Semantically a counter version for go_memstats_heap_objects gauge. Equals to /gc/heap/allocs:objects + /gc/heap/tiny/allocs:objects.", nil}, []string{"/gc/heap/allocs:objects", tiny}},
	{gauge("go_memstats_mcache_inuse_bytes", "Number of bytes in use by mcache structures. Equals to /memory/classes/metadata/mcache/inuse:bytes."), []string{mcache}},
	{gauge("go_memstats_mcache_sys_bytes", "Number of bytes used for mcache structures obtained from system. Equals to /memory/classes/metadata/mcache/inuse:bytes + /memory/classes/metadata/mcache/free:bytes."), []string{mcache, "/memory/classes/metadata/mcache/free:bytes"}},
	{gauge("go_memstats_mspan_inuse_bytes", "Number of bytes in use by mspan structures. Equals to /memory/classes/metadata/mspan/inuse:bytes."), []string{mspan}},
	{gauge("go_memstats_mspan_sys_bytes", "Number of bytes used for mspan structures obtained from system. Equals to /memory/classes/metadata/mspan/inuse:bytes + /memory/classes/metadata/mspan/free:bytes."), []string{mspan, "/memory/classes/metadata/mspan/free:bytes"}},
	{gauge("go_memstats_next_gc_bytes", "Number of heap bytes when next garbage collection will take place. Equals to /gc/heap/goal:bytes."), []string{"/gc/heap/goal:bytes"}},
	{gauge("go_memstats_other_sys_bytes", "Number of bytes used for other system allocations. Equals to /memory/classes/other:bytes."), []string{"/memory/classes/other:bytes"}},
	{gauge("go_memstats_stack_inuse_bytes", "Number of bytes obtained from system for stack allocator in non-CGO environments. Equals to /memory/classes/heap/stacks:bytes."), []string{stacks}},
	{gauge("go_memstats_stack_sys_bytes", "Number of bytes obtained from system for stack allocator. Equals to /memory/classes/heap/stacks:bytes + /memory/classes/os-stacks:bytes."), []string{stacks, "/memory/classes/os-stacks:bytes"}},
	{gauge("go_memstats_sys_bytes", "Number of bytes obtained from system. Equals to /memory/classes/total:byte."), []string{"/memory/classes/total:bytes"}},
}

// What several of them equal.
const (
	objects  = "/memory/classes/heap/objects:bytes"
	unused   = "/memory/classes/heap/unused:bytes"
	released = "/memory/classes/heap/released:bytes"
	free     = "/memory/classes/heap/free:bytes"
	stacks   = "/memory/classes/heap/stacks:bytes"
	mcache   = "/memory/classes/metadata/mcache/inuse:bytes"
	mspan    = "/memory/classes/metadata/mspan/inuse:bytes"
	tiny     = "/gc/heap/tiny/allocs:objects"
)

var (
	pauses  = family{"go_gc_duration_seconds", summary, "A summary of the wall-time pause (stop-the-world) duration in garbage collection cycles.", nil}
	lastGC  = gauge("go_memstats_last_gc_time_seconds", "Number of seconds since 1970 of last garbage collection.")
	goInfo  = gauge("go_info", "Information about the Go environment.", "version")
	threads = gauge("go_threads", "Number of OS threads created.")

	processor = family{"process_cpu_seconds_total", counts, "Total user and system CPU time spent in seconds.", nil}
	openFiles = gauge("process_open_fds", "Number of open file descriptors.")
	maxFiles  = gauge("process_max_fds", "Maximum number of open file descriptors.")
	virtual   = gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.")
	maxMemory = gauge("process_virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes.")
	resident  = gauge("process_resident_memory_bytes", "Resident memory size in bytes.")
	startedAt = gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.")
	received  = family{"process_network_receive_bytes_total", counts, "Number of bytes received by the process over the network.", nil}
	sentBytes = family{"process_network_transmit_bytes_total", counts, "Number of bytes sent by the process over the network.", nil}
)

// golang writes what Go says of itself.
func golang(p *page) {
	var gc debug.GCStats
	gc.PauseQuantiles = make([]time.Duration, 5)
	debug.ReadGCStats(&gc)
	p.of(pauses)
	for i, pause := range gc.PauseQuantiles {
		p.series("", pause.Seconds(), nil, "quantile", float64(i)/float64(len(gc.PauseQuantiles)-1))
	}
	p.series("_sum", gc.PauseTotal.Seconds(), nil, "", 0)
	p.series("_count", float64(gc.NumGC), nil, "", 0)
	p.of(lastGC)
	p.sample(float64(max(gc.LastGC.UnixNano(), 0)) / 1e9)

	var all []metrics.Sample
	for _, r := range runtimes {
		for _, name := range r.equals {
			all = append(all, metrics.Sample{Name: name})
		}
	}
	metrics.Read(all)
	for _, r := range runtimes {
		sum := uint64(0)
		for range r.equals {
			if all[0].Value.Kind() == metrics.KindUint64 { // a Go that has it no more says so
				sum += all[0].Value.Uint64()
			}
			all = all[1:]
		}
		p.of(r.family)
		p.sample(float64(sum))
	}
	p.of(goInfo)
	p.sample(1, runtime.Version())
	n, _ := runtime.ThreadCreateProfile(nil)
	p.of(threads)
	p.sample(float64(n))
}

// process writes what the kernel says of this process. What it does not say here is left out.
func process(p *page) {
	if text, err := os.ReadFile("/proc/self/stat"); err == nil {
		if s, ok := procfs.ParseStat(text); ok {
			p.of(processor)
			p.sample(seconds(s.CPU))
			p.of(virtual)
			p.sample(float64(s.Virtual))
			p.of(resident)
			p.sample(float64(s.Resident) * float64(os.Getpagesize()))
			if boot, ok := column("/proc/stat", "btime", ""); ok {
				p.of(startedAt)
				p.sample(boot + seconds(s.Start))
			}
		}
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		p.of(openFiles)
		p.sample(float64(len(open) - 1)) // one is that of reading the folder
	}
	for resource, f := range map[int]family{unix.RLIMIT_NOFILE: maxFiles, unix.RLIMIT_AS: maxMemory} {
		var limit unix.Rlimit
		if unix.Getrlimit(resource, &limit) == nil {
			p.of(f)
			p.sample(float64(limit.Cur))
		}
	}
	for name, f := range map[string]family{"InOctets": received, "OutOctets": sentBytes} {
		if v, ok := column("/proc/self/net/netstat", "IpExt:", name); ok {
			p.of(f)
			p.sample(v)
		}
	}
}

func seconds(ticks uint64) float64 { return float64(ticks) * procfs.Tick.Seconds() }

// column reads a number in the file of the kernel at path, in the line that begins with
// the word first: the next word, or the one that stands where an earlier line of the
// same beginning has name.
func column(path, first, name string) (float64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	return columnOf(text, first, name)
}

func columnOf(text []byte, first, name string) (float64, bool) {
	at := 1
	for line := range bytes.Lines(text) {
		words := bytes.Fields(line)
		if len(words) <= at || string(words[0]) != first {
			continue
		}
		if name == "" {
			v, err := strconv.ParseFloat(string(words[at]), 64)
			return v, err == nil
		}
		for i, w := range words {
			if string(w) == name {
				at, name = i, ""
			}
		}
	}
	return 0, false
}
