package holders

import (
	"bytes"
	"strconv"
	"time"
)

// stat is what livekey needs of /proc/PID/stat.
type stat struct {
	parent int
	start  uint64 // after the machine's start, in ticks
}

// tick is one of USER_HZ, which is 100 wherever livekey runs.
const tick = time.Second / 100

// parseStat reads "PID (name) S PPID …": the name may have spaces and parentheses in it.
func parseStat(text []byte) (s stat, ok bool) {
	i := bytes.LastIndexByte(text, ')')
	if i < 0 {
		return s, false
	}
	fields := bytes.Fields(text[i+1:]) // from the third of proc(5) on
	const parent, start = 4 - 3, 22 - 3
	if len(fields) <= start {
		return s, false
	}
	var err, err2 error
	s.parent, err = strconv.Atoi(string(fields[parent]))
	s.start, err2 = strconv.ParseUint(string(fields[start]), 10, 64)
	return s, err == nil && err2 == nil && s.parent >= 0
}

// status is what livekey needs of /proc/PID/status.
type status struct {
	uid int // effective
	// memory is missing of kernel threads and zombies, which have no environment.
	memory bool
	caps   uint64 // effective
}

func parseStatus(text []byte) (s status, ok bool) {
	for line := range bytes.Lines(text) {
		name, value, _ := bytes.Cut(line, []byte{':'})
		fields := bytes.Fields(value)
		switch {
		case string(name) == "Uid" && len(fields) >= 2:
			uid, err := strconv.ParseUint(string(fields[1]), 10, 32)
			s.uid, ok = int(uid), err == nil
		case string(name) == "VmSize":
			s.memory = true
		case string(name) == "CapEff" && len(fields) == 1:
			s.caps, _ = strconv.ParseUint(string(fields[0]), 16, 64)
		}
	}
	return s, ok
}
