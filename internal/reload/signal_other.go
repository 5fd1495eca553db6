//go:build !linux

package reload

import (
	"errors"
	"fmt"
)

func (Signal) hold(int) ([]process, error) { return nil, unsupported() }

func (Signal) look() ([]process, error) { return nil, unsupported() }

func unsupported() error { return fmt.Errorf("%w: signals: %w", ErrUnasked, errors.ErrUnsupported) }
