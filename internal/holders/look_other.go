//go:build !linux

package holders

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// Look says that nobody can look here.
func (l *Local) Look(context.Context, Wanted) (Scan, error) {
	return Scan{}, fmt.Errorf("look for holders on %s: %w: no process shows its environment", runtime.GOOS, errors.ErrUnsupported)
}
