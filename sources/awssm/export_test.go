package awssm

import (
	"time"

	"github.com/livekey/livekey/sources"
)

// Age makes the connection of a source older.
func Age(src sources.Source, by time.Duration) {
	s, ok := src.(*Source)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn.made = s.conn.made.Add(-by)
}
