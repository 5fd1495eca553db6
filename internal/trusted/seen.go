package trusted

import (
	"io/fs"
	"os"
	"sync"
)

// Seen are files that livekey has read. It knows, without reading them again, whether one
// was replaced. Safe for concurrent use.
type Seen struct {
	paths []string

	mu   sync.Mutex
	last map[string]fs.FileInfo
}

// See makes a Seen of the files at paths, the empty ones left out.
func See(paths ...string) *Seen {
	s := &Seen{last: make(map[string]fs.FileInfo)}
	for _, p := range paths {
		if p != "" {
			s.paths = append(s.paths, p)
		}
	}
	return s
}

// Look is called before the files are read: one replaced in between has changed at once.
func (s *Seen) Look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, path := range s.paths {
		info, err := os.Stat(path)
		if err != nil {
			info = nil
		}
		s.last[path] = info
	}
}

// Changed says whether a file is there that is not the one at the last Look.
func (s *Seen) Changed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, path := range s.paths {
		now, err := os.Stat(path)
		last := s.last[path]
		if err == nil && (last == nil || !os.SameFile(now, last) || !now.ModTime().Equal(last.ModTime()) || now.Size() != last.Size()) {
			return true
		}
	}
	return false
}
