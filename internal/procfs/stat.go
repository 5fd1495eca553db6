// Package procfs reads what the kernel says of a process in /proc/PID. Who opens the
// files, and how he makes sure that they are of the process he means, is his affair.
package procfs

import (
	"bytes"
	"strconv"
	"time"
)

// Tick is one of USER_HZ, which is 100 wherever livekey runs.
const Tick = time.Second / 100

// Stat is what livekey needs of /proc/PID/stat.
type Stat struct {
	State  byte // R, S, Z, …
	Parent int
	CPU    uint64 // what it used, for itself and in the kernel, in ticks
	Start  uint64 // after the machine's start, in ticks

	Virtual  uint64 // bytes
	Resident uint64 // pages
}

// ParseStat reads "PID (name) S PPID …": the name may have spaces and parentheses in it.
func ParseStat(text []byte) (s Stat, ok bool) {
	i := bytes.LastIndexByte(text, ')')
	if i < 0 {
		return s, false
	}
	fields := bytes.Fields(text[i+1:]) // from the third of proc(5) on
	const state, parent, user, system, start, virtual, resident = 0, 4 - 3, 14 - 3, 15 - 3, 22 - 3, 23 - 3, 24 - 3
	if len(fields) <= resident {
		return s, false
	}
	s.State = fields[state][0]
	var err error
	if s.Parent, err = strconv.Atoi(string(fields[parent])); err != nil || s.Parent < 0 {
		return s, false
	}
	var inKernel uint64
	for _, f := range [...]struct {
		at int
		to *uint64
	}{{user, &s.CPU}, {system, &inKernel}, {start, &s.Start}, {virtual, &s.Virtual}, {resident, &s.Resident}} {
		if *f.to, err = strconv.ParseUint(string(fields[f.at]), 10, 64); err != nil {
			return s, false
		}
	}
	s.CPU += inKernel
	return s, true
}
