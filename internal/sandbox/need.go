// Package sandbox knows what livekey.service allows: what a config needs beyond it, as
// lines of a drop-in, and whether a livekey that runs has it.
package sandbox

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Service is the unit in systemd/ of this repository, and User as whom it runs.
const (
	Service = "livekey.service"
	User    = "livekey"
)

// own are folders and groups that the unit has already.
var (
	ownFolders = []string{"/run/livekey", "/var/lib/livekey", "/dev/shm"}
	ownGroups  = []string{User, "livekey-admin"}
)

// What the unit gives a start, and what it is to have beyond startup_wait.
const (
	startTimeout = 2 * time.Minute
	startMargin  = time.Minute
)

// A Need is one thing that the config asks for and the unit does not allow.
type Need struct {
	lines []string // of the [Service] section
	where string   // the line of the config that needs it
	notes []string // what has to be done beside it, what it costs

	lacks func(Process) string // why a process has it not; "" if it has, or nobody can tell
}

// Writes is what it takes to make files in folder, for group ("": livekey's own). Paths
// are absolute and clean.
func Writes(folder, group, where string) []Need {
	owner := "install -d -o " + User + " -m 0700 "
	if group != "" {
		owner = "install -d -o " + User + " -g " + shellWord(group) + " -m 0750 "
	}
	n := Need{where: where, notes: []string{"The folder must be there, and livekey's: " + owner + shellWord(folder)}}
	switch {
	case within(folder, ownFolders...), within(folder, "/proc", "/sys"):
		return nil
	case within(folder, "/dev"):
		n.lines = []string{"PrivateDevices=no"}
		n.notes = append(n.notes, "It costs: devices come into livekey's sight. /dev/shm needs nothing.")
	case folder == "/tmp" || folder == "/var/tmp":
		n.lines = []string{"PrivateTmp=no"}
		n.notes = []string{"It costs: everybody's temporary files come into livekey's sight. A folder below needs less, /run/livekey/sinks nothing."}
		n.lacks = func(p Process) string { return p.hidden(folder) }
	case within(folder, "/tmp", "/var/tmp"):
		n.lines = []string{"BindPaths=" + optional(folder)}
		n.lacks = func(p Process) string { return p.hidden(folder) }
	case inHome(folder):
		n.lines = []string{"ProtectHome=tmpfs", "BindPaths=" + optional(folder)}
		n.lacks = func(p Process) string { return p.hidden(folder) }
	default:
		n.lines = []string{"ReadWritePaths=" + optional(folder)}
		n.lacks = func(p Process) string { return p.readOnly(folder) }
	}
	return []Need{n}
}

// Reads is what it takes to read the file at path, also when it is replaced.
func Reads(path, where string) []Need {
	folder := filepath.Dir(path)
	hidden := func(p Process) string { return p.hidden(folder) }
	switch credential := credentialOf(path); {
	case credential != "":
		return []Need{{where: where, notes: []string{
			"systemd hands the file over; complete and uncomment the line, if no other drop-in has it:",
			"LoadCredential=" + credential + ":/PATH/OF/THE/FILE",
		}}}
	case folder == "/tmp" || folder == "/var/tmp":
		return []Need{{where: where, lines: []string{"PrivateTmp=no"}, lacks: hidden, notes: []string{
			"It costs: everybody's temporary files come into livekey's sight. Keep the file in " + ConfigFolder + " instead.",
		}}}
	case within(path, "/tmp", "/var/tmp"):
		return []Need{{where: where, lines: []string{"BindReadOnlyPaths=" + optional(folder)}, lacks: hidden}}
	case inHome(path):
		return []Need{{where: where, lines: []string{"ProtectHome=tmpfs", "BindReadOnlyPaths=" + optional(folder)}, lacks: hidden, notes: []string{
			"All that is in " + folder + " comes into livekey's sight, and it must be able to read the file.",
			"A file in " + ConfigFolder + ", or one that LoadCredential= hands over, needs neither.",
		}}}
	}
	return nil
}

// ConfigFolder is where the unit's own files are.
const ConfigFolder = "/etc/livekey"

// Group is what it takes to give files to a group.
func Group(name, where string) []Need {
	for _, own := range ownGroups {
		if name == own || name == "" {
			return nil
		}
	}
	return []Need{{
		where: where, lines: []string{"SupplementaryGroups=" + word(name)},
		notes: []string{"It costs: livekey may read what this group may read. The group must be there, or the unit does not start."},
		lacks: func(p Process) string { return p.outside(name) },
	}}
}

// Owner is what it takes to give files to another user.
func Owner(name, where string) []Need {
	if name == "" || name == User {
		return nil
	}
	const capabilities = "CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE"
	return []Need{{
		where: where, lines: []string{"CapabilityBoundingSet=" + capabilities, "AmbientCapabilities=" + capabilities},
		notes: []string{"It costs: livekey may read, and where its sandbox lets it write change, every file whosever it is.", "A group instead of an owner needs none of this."},
		lacks: func(p Process) string { return p.without(capChown, capFowner, capDACOverride) },
	}}
}

// Listens is what it takes to listen on a TCP address.
func Listens(address, where string) []Need {
	_, port, err := net.SplitHostPort(address)
	n, convErr := strconv.Atoi(port)
	if err != nil || convErr != nil || n >= 1024 {
		return nil
	}
	const capability = "CAP_NET_BIND_SERVICE"
	return []Need{{
		where: where, lines: []string{"CapabilityBoundingSet=" + capability, "AmbientCapabilities=" + capability},
		notes: []string{"A port from 1024 on needs none."},
		lacks: func(p Process) string { return p.without(capNetBindService) },
	}}
}

// Waits is what it takes to wait for first verdicts.
func Waits(startupWait time.Duration, where string) []Need {
	if startupWait+startMargin <= startTimeout {
		return nil
	}
	seconds := int64((startupWait + startMargin + time.Second - 1) / time.Second)
	return []Need{{where: where, lines: []string{"TimeoutStartSec=" + strconv.FormatInt(seconds, 10) + "s"}}}
}

// credentialOf is the name of the credential that path is, "" if it is none.
func credentialOf(path string) string {
	for _, folder := range []string{"$CREDENTIALS_DIRECTORY/", "/run/credentials/" + Service + "/"} {
		if name, ok := strings.CutPrefix(path, folder); ok {
			return name
		}
	}
	return ""
}

func inHome(path string) bool { return within(path, "/home", "/root", "/run/user") }

// within says whether path is one of folders or below one.
func within(path string, folders ...string) bool {
	for _, f := range folders {
		if path == f || strings.HasPrefix(path, f+"/") {
			return true
		}
	}
	return false
}
