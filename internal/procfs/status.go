package procfs

import (
	"bytes"
	"fmt"
	"strconv"
)

// Status is what livekey needs of /proc/PID/status.
type Status struct {
	UID    int   // effective
	Real   int   // the user who started it, whatever a setuid program made of him
	Groups []int // of every kind: real, effective, saved, of the file system, supplementary
	// Memory is missing of kernel threads and zombies, which have no environment.
	Memory bool
	Caps   uint64 // effective, a bit for each capability
	Caught uint64 // signals that it handles: bit 0 is signal 1
}

// ParseStatus reads "Name:\tvalue" in a line each. Its error says which one is no such
// line, or missing.
func ParseStatus(text []byte) (s Status, err error) {
	missing := map[string]bool{"Uid": true, "Gid": true, "Groups": true, "CapEff": true, "SigCgt": true}
	for line := range bytes.Lines(text) {
		name, value, _ := bytes.Cut(line, []byte{':'})
		fields := bytes.Fields(value)
		var err error
		switch string(name) {
		case "Uid": // as Groups has them, without the supplementary ones
			if len(fields) < 2 {
				err = strconv.ErrSyntax
			} else if s.Real, err = number(fields[0]); err == nil {
				s.UID, err = number(fields[1])
			}
		case "Gid", "Groups":
			for _, f := range fields {
				var id int
				if id, err = number(f); err != nil {
					break
				}
				s.Groups = append(s.Groups, id)
			}
		case "VmSize":
			s.Memory = true
		case "CapEff":
			s.Caps, err = mask(value)
		case "SigCgt":
			s.Caught, err = mask(value)
		default:
			continue
		}
		if err != nil {
			return Status{}, fmt.Errorf("read %s in its status: %w", name, err)
		}
		delete(missing, string(name))
	}
	for name := range missing {
		return Status{}, fmt.Errorf("no %s in its status", name)
	}
	return s, nil
}

// number reads a user's or a group's.
func number(b []byte) (int, error) {
	n, err := strconv.ParseUint(string(b), 10, 32)
	return int(n), err
}

func mask(b []byte) (uint64, error) {
	return strconv.ParseUint(string(bytes.TrimSpace(b)), 16, 64)
}
