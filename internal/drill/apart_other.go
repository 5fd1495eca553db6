//go:build !linux

package drill

import "context"

func apart(context.Context, Options) (played bool, err error) { return false, nil }

func settle() error { return nil }

func show() {}
