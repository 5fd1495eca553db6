// Package holders finds who holds which version of a key: processes that were started
// with it, files, environment blocks of systemd, and those that can never see a new
// file. It knows fingerprints; a value that it reads on the way is compared where it
// lies and not kept.
//
// What it finds is what a process was started with, never what it uses, and what it
// does not find proves nothing: where it may not look is said beside it.
package holders

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

// Wanted is what a scan looks for.
type Wanted struct {
	Hasher secret.Hasher     // under whose salt the fingerprints were made
	Prints []key.Fingerprint // of parts, in full
	Files  []string          // absolute paths of sinks: whose replaced inodes and single-file mounts are looked for
}

// Kind is where a fingerprint was seen.
type Kind string

// The kinds of sightings.
const (
	InProcess Kind = "process" // in the environment that a process was started with
	InFile    Kind = "file"    // in a file that holders.files names
	InUnit    Kind = "unit"    // in the environment block of a systemd unit: Environment=
	InManager Kind = "manager" // in that of a systemd manager: systemctl show-environment
	OldInode  Kind = "inode"   // a process holds a replaced file of a sink open; no fingerprint
	OneFile   Kind = "mount"   // a mount of a sink's single file, which never sees a rename; no fingerprint
)

// Sighting is one place that has a wanted fingerprint, or never sees a new one.
type Sighting struct {
	Kind     Kind            `json:"kind"`
	Print    key.Fingerprint `json:"print,omitempty"`    // of the part
	Variable string          `json:"variable,omitempty"` // by which it is there
	Path     string          `json:"path,omitempty"`     // of a file, a replaced file or a mount

	PID       int       `json:"pid,omitempty"`
	UID       int       `json:"uid"` // -1: no process
	User      string    `json:"user,omitempty"`
	Command   string    `json:"command,omitempty"` // the program, without its arguments
	Started   time.Time `json:"started,omitzero"`
	Unit      string    `json:"unit,omitempty"`      // of the system's systemd
	UserUnit  string    `json:"user_unit,omitempty"` // of the user's
	Container string    `json:"container,omitempty"` // its id
	Pod       string    `json:"pod,omitempty"`       // namespace/name where that is known, else its uid
	// Exporters are the ancestors that carry the same fingerprint, the nearest first: what
	// they start next gets it again.
	Exporters []Exporter `json:"exporters,omitempty"`
}

// Exporter is an ancestor of a holder.
type Exporter struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
}

// Scan is what one look found.
type Scan struct {
	At        time.Time  `json:"at"` // when it began
	Sightings []Sighting `json:"sightings"`
	// Unseen says where it may not look, in a line each: never empty because nothing is
	// there, always because everything was seen.
	Unseen    []string `json:"unseen,omitempty"`
	Processes int      `json:"processes"` // looked at
}

// Lines of Unseen that are not about something in sight.
const (
	// OutOfSight is what is not there for a livekey in a container.
	OutOfSight = "processes outside of the container (PID namespace) that livekey runs in"
	// LaterByManagers begins the line about what users' own systemd managers would give to
	// units that they start later. What they have started is in sight as a process.
	LaterByManagers = "what the user managers of systemd pass on (systemctl --user show-environment), of "
)

// Unreadable are the places in sight that nobody could look at.
func (s Scan) Unreadable() []string {
	return slices.DeleteFunc(slices.Clone(s.Unseen), func(line string) bool {
		return line == OutOfSight || strings.HasPrefix(line, LaterByManagers)
	})
}

// BlindToManagers says whether users' own systemd managers could not be looked into.
func (s Scan) BlindToManagers() bool {
	return slices.ContainsFunc(s.Unseen, func(line string) bool { return strings.HasPrefix(line, LaterByManagers) })
}

// Looker looks for holders. Safe for concurrent use. An error means that nobody looked.
type Looker interface {
	Look(ctx context.Context, w Wanted) (Scan, error)
}

// Consumer is who a sighting belongs to, the widest that is restarted as one; "" of a
// file. A container that has a unit is one that the unit starts.
func (s Sighting) Consumer() key.Consumer {
	switch {
	case s.Pod != "":
		return key.NewConsumer(key.ConsumerPod, s.Pod)
	case s.UserUnit != "":
		return key.NewConsumer(key.ConsumerUserUnit, s.User+"/"+s.UserUnit)
	case s.Unit != "":
		return key.NewConsumer(key.ConsumerUnit, s.Unit)
	case s.Container != "":
		return key.NewConsumer(key.ConsumerContainer, s.Container)
	case s.PID != 0:
		return key.NewConsumer(key.ConsumerProcess, s.User+"/"+s.Command)
	default:
		return ""
	}
}
