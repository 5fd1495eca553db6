package alerts

import (
	"errors"
	"time"
)

// ErrRefused says that the receiver will never take this alert.
var ErrRefused = errors.New("alert refused for good")

// RetryError asks to wait at least After before the next try.
type RetryError struct {
	After time.Duration
	Err   error
}

func (e *RetryError) Error() string { return e.Err.Error() }
func (e *RetryError) Unwrap() error { return e.Err }
