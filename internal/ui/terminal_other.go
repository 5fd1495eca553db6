//go:build !linux

package ui

import (
	"errors"
	"os"
)

// terminal takes /dev/null for one, which costs nothing but colors nobody sees.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// hide does not know how.
func hide(*os.File) (show func(), err error) { return nil, errors.ErrUnsupported }

// columns does not know.
func columns(*os.File) int { return 0 }
