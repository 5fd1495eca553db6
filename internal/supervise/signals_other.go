//go:build !linux

package supervise

import "os"

func realTime() []os.Signal { return nil }
