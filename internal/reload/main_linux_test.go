package reload

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// A shell cannot trap what it was started to ignore, as nohup does with SIGHUP: what the
// tests catch, their children start with as usual.
func TestMain(m *testing.M) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(m.Run())
}
