package httpclient

import (
	"errors"
	"io"
)

// Bodies that are longer than these are refused.
const (
	MaxProviderBody = 512 << 10 // a list of 300 models, each with its prices, has 200 KiB
	MaxBackendBody  = 1 << 20
)

// ErrTooLarge says that a body was longer than its budget.
var ErrTooLarge = errors.New("body too large")

// ReadAll reads at most limit bytes of r, and returns ErrTooLarge if there are more.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, ErrTooLarge
	}
	return b, nil
}
