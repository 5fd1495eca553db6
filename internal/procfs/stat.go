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
	Start  uint64 // after the machine's start, in ticks
}

// ParseStat reads "PID (name) S PPID …": the name may have spaces and parentheses in it.
func ParseStat(text []byte) (s Stat, ok bool) {
	i := bytes.LastIndexByte(text, ')')
	if i < 0 {
		return s, false
	}
	fields := bytes.Fields(text[i+1:]) // from the third of proc(5) on
	const state, parent, start = 0, 4 - 3, 22 - 3
	if len(fields) <= start {
		return s, false
	}
	var err, err2 error
	s.State = fields[state][0]
	s.Parent, err = strconv.Atoi(string(fields[parent]))
	s.Start, err2 = strconv.ParseUint(string(fields[start]), 10, 64)
	return s, err == nil && err2 == nil && s.Parent >= 0
}
