package doctor

import (
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/normalize"
)

// Place is where a key was looked for.
type Place string

// The places.
const (
	Environment Place = "environment" // of this process
	EnvFile     Place = "env_file"
	Sink        Place = "sink"    // of the config
	Process     Place = "process" // that runs
	Config      Place = "config"  // what the key's source has
)

// Evidence is what was seen of one key. A zero field means that nobody looked.
type Evidence struct {
	Now      time.Time
	Key      key.Name
	Variable string // by which programs read it
	Provider string // its id, "" if nobody knows who issued the key
	Issuer   string // its name for people
	Place    Place
	At       string // the place in words: "process 4711 (python3)"
	File     string // of an env file or a sink

	// The variable there.
	Set, Empty bool
	Missing    []string // variables of the key that are not there
	SourceErr  string   // why the config's source gave nothing
	Profile    []Assignment
	Shell      ShellFile // of an env file
	CI         CI
	Unit       Unit

	// What is in it.
	Faults []normalize.Fault
	Class  string // of its issuer's kinds of credential: "Admin API key"
	Misfit bool   // it has not the shape of its class

	// What is around it.
	Settings Settings
	Hosts    []string // where its issuer is asked, as scheme://host
	Request  string   // the right one
	Signs    bool     // requests are signed with the time of day

	// What was said.
	Offline bool // nobody was to be asked
	Asked   bool
	Verdict key.Verdict
	Held    Held
	Road    Road
	Process Running
	Unseen  []string // where nobody could look
}

// Held compares what the place has with what the config's source has now.
type Held struct {
	Compared bool
	Same     bool
	From     string      // the source, as the config writes it
	Stage    key.Stage   // of what the place has, where the journal knows it
	Verdict  key.Verdict // of what the source has, if it is not the same
	Written  time.Time   // when the sink that has the source's version was written; zero: none has it
}

// newer says whether the source has another version, and its issuer takes it.
func (h Held) newer() bool {
	return h.Compared && !h.Same && h.Verdict.Outcome == key.Live && h.Verdict.Reason != key.Blocked
}

// Running is a process that was looked into.
type Running struct {
	PID      int
	Command  string
	Started  time.Time
	Unit     string
	UserUnit string
}

// Road is what lies between here and the issuer, by a request without a key.
type Road struct {
	Walked bool
	// Skew is how far the local clock is ahead of the issuer's, as its Date header tells.
	Skew        time.Duration
	CertIssuer  string // who signed the certificate that was shown
	Unverified  bool   // and nobody here trusts him
	Unreachable string // why there was no answer
}

// CI is the pipeline that this process runs in; "" Name: none.
type CI struct {
	Name string // GitHub Actions, GitLab CI
	Why  string // what of it is known to withhold secrets
}

// Unit is the environment that systemd would start a service with.
type Unit struct {
	Name   string
	Asked  bool
	Why    string   // it could not be asked
	Absent bool     // systemd has no such unit
	Has    string   // where the variable comes from: Environment=, a file, PassEnvironment=; "": from nowhere
	Files  []string // of EnvironmentFile=
	Unread []string // those of them that this user may not read
}

// ShellFile is what an env file says of who reads it.
type ShellFile struct {
	Sourced  bool // it is written for a shell
	Exported bool // the variable is passed on to programs
	Line     int
}
