package holders

import (
	"time"

	"github.com/livekey/livekey/internal/key"
)

// Started is one process, and what it was started with of some variables.
type Started struct {
	PID      int
	UID      int
	User     string
	Command  string
	At       time.Time
	Unit     string // of the system's systemd
	UserUnit string // of the user's

	Held     map[string]Held   // by variable: those that it has
	Settings map[string]string // that were asked for in the clear
}

// Held is a variable that a process was started with.
type Held struct {
	Empty bool
	Print key.Fingerprint // of the value, in full
	// Bare is the fingerprint without the quotes and blanks around the value, which some
	// who start programs leave there; "" if there are none.
	Bare key.Fingerprint
}
