package engine

import (
	"cmp"
	"errors"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// A Counter counts what the engine does; live calls are the Prober's to count. Safe for
// concurrent use.
type Counter interface {
	SourceRead(source string, err error)
	SinkWritten(sink string, err error) // a write that changed the sink, or failed
	AlertSent(channel string, err error)
	Looked(took time.Duration, err error) // for holders; an error means that nobody could
	ReloadEnded(sink string, how string)  // done, failed or untold
}

// How a reload may end.
const (
	reloadDone   = "done"
	reloadFailed = "failed" // a consumer did not come back
	reloadUntold = "untold" // nobody could tell it
)

type uncounted struct{}

func (uncounted) SourceRead(string, error)    {}
func (uncounted) SinkWritten(string, error)   {}
func (uncounted) AlertSent(string, error)     {}
func (uncounted) ReloadEnded(string, string)  {}
func (uncounted) Looked(time.Duration, error) {}

// failure is the first error that is the source's fault: that it has no such record is
// an answer.
func failure(errs ...error) error {
	for i, err := range errs {
		if errors.Is(err, key.ErrNotFound) {
			errs[i] = nil
		}
	}
	return cmp.Or(errs...)
}
