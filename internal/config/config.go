// Package config reads livekey's YAML: strictly, with every fault at once, each
// led by the path of its field and its place in the file. It is the only
// importer of a YAML library. It does no I/O but reading the files it is given.
package config

import (
	"reflect"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// Config is the whole configuration, defaults filled in.
type Config struct {
	Sources   map[string]Source
	Keys      map[key.Name]Key
	Sinks     map[string]Sink
	Alerts    map[string]Channel
	Providers map[string]Provider // the user's own
	Peers     map[string]Peer     // other livekeys
	Policy    Policy              // what a key without a policy of its own has

	StartupWait time.Duration
	StateDir    string
	SaltFile    string
	Socket      string
	Metrics     string // address that answers /live and /ready over TCP; empty: off
	Log         Log
	Holders     Holders
	Lease       Lease
	LeaseNode   Node // where it stands, for faults that are found later

	policies []Node          // where the policy stands, one for each file
	said     map[string]Node // what may be said once, by its path
}

// Forget lets go of the text that c was read from, of keys, sinks and channels: all
// that somebody else has taken over by now, and that takes several times the memory of
// what it says. Sources stay, and Same goes on comparing them.
func (c *Config) Forget() {
	for name, s := range c.Sources {
		s.Settings = Node{path: s.Settings.path, yaml: s.Settings.yaml}
		c.Sources[name] = s
	}
	c.Keys, c.Sinks, c.Alerts, c.Providers, c.Peers, c.policies, c.said = nil, nil, nil, nil, nil, nil, nil
	c.LeaseNode = Node{}
}

// Source is a named connection. What the core does not know is the kind's own.
type Source struct {
	Name, Kind string
	Settings   Node
}

// Same says whether two sources are said the same, in whatever form and order.
func (s Source) Same(as Source) bool {
	return s.Name == as.Name && s.Kind == as.Kind && reflect.DeepEqual(s.Settings.said(), as.Settings.said())
}

// Key is one credential.
type Key struct {
	Name      key.Name
	From      map[key.Part]key.Ref // one read of one version gives all parts, unless the config says otherwise
	Provider  string               // "" : decided by variable name or prefix, see catalog; "none"
	BaseURL   string
	With      map[string]string   // parameters of the provider
	Env       map[string]key.Part // variable: part
	Optional  bool
	OptIn     bool              // the provider may be asked though its file says that asking costs something
	Form      string            // token, text, pem, json; "" : as the provider's file states
	Format    string            // plain, base64: how the field's bytes are wrapped
	Trim      bool              // opt in to trimming what is proved and delivered
	Allow     []string          // lint exceptions by name of the fault
	Expect    map[string]string // identity fields that are pinned by hand
	Follow    bool              // identity: follow
	Policy    Policy
	Consumers []key.Consumer // who uses it: the scope of every answer about who has left an old version
	Revoke    *Revoke        // nil: livekey revokes nothing
	Reports   []WatchedLog   // in which consumers say that it was refused
	Node      Node           // where it stands, for faults that are found later
}

// Policy decides when and how hard livekey asks, and what may pass.
type Policy struct {
	Refresh       time.Duration // 0: the source's own
	Probe         time.Duration
	ConfirmTimes  int
	ConfirmOver   time.Duration
	OnUnknown     OnUnknown
	Grace         time.Duration
	Budget        int
	AllowRollback Rollback
	WatchPrevious bool
	Expiry        []time.Duration // how near the end of a key is told, the farthest first; none: never
}

// Sink is where consumers read.
type Sink struct {
	Name, Kind string
	Keys       []key.Name // "all" already spelled out, sorted
	Complete   bool       // delay the first write until every key is there
	OnChange   OnChange   // who is told
	Settings   Node       // path, mode, owner, group, dialect, adopt, …: the kind's own
}

// Channel is where alerts go.
type Channel struct {
	Name, Kind string
	Settings   Node
}

// Provider is a catalog file of the user's own.
type Provider struct {
	Name  string
	File  string
	Admin *AnthropicAdmin // of the issuer's own list of keys, in place of File; nil: it is not read
	Node  Node
}

// Log says how livekey logs.
type Log struct {
	Level  LogLevel
	Format LogFormat
}
