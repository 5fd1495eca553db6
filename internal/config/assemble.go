package config

import (
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// Kinds are the kinds that this binary has, as the caller's tables name them.
type Kinds struct {
	Sources, Sinks, Channels []string
}

// top is the shape of one file.
type top struct {
	Sources     map[string]Node `yaml:"sources"`
	Keys        map[string]Node `yaml:"keys"`
	Sinks       map[string]Node `yaml:"sinks"`
	Alerts      map[string]Node `yaml:"alerts"`
	Providers   map[string]Node `yaml:"providers"`
	Peers       map[string]Node `yaml:"peers"`
	Policy      Node            `yaml:"policy"`
	StartupWait time.Duration   `yaml:"startup_wait"`
	StateDir    string          `yaml:"state_dir"`
	SaltFile    string          `yaml:"salt_file"`
	Socket      string          `yaml:"socket"`
	Metrics     string          `yaml:"metrics"`
	Log         Node            `yaml:"log"`
	Holders     Node            `yaml:"holders"`
	Lease       Node            `yaml:"lease"`
}

// providerSpec is a provider of the user's own as the file writes it.
type providerSpec struct {
	File         string `yaml:"file"`
	AdminKeyFile string `yaml:"admin_key_file"`
	BaseURL      string `yaml:"base_url"`
}

// builder makes one Config of the files, and remembers who said what.
type builder struct {
	*collector
	cfg   *Config
	kinds Kinds
	said  map[string]Node // by path, each field and entry that may be said once

	sources, keys, sinks, alerts, providers, peers map[string]Node

	names []string // of keys, sorted
	none  bool     // a file says keys: {}, so that there are none on purpose
}

// assemble reads the files over the defaults in cfg. If it returns Faults, the
// Config has what was right, so that its entries can be checked further.
func assemble(docs []*document, kinds Kinds, cfg *Config, c *collector) (*Config, error) {
	b := &builder{
		collector: c, cfg: cfg, kinds: kinds, said: make(map[string]Node),
		sources: make(map[string]Node), keys: make(map[string]Node), sinks: make(map[string]Node),
		alerts: make(map[string]Node), providers: make(map[string]Node), peers: make(map[string]Node),
	}
	for _, d := range docs {
		if rest := c.take(d.open()); len(rest) > 0 {
			return nil, rest[0]
		}
		if d.vet(c, true) {
			b.file(Node{doc: d, yaml: d.root})
		}
	}
	b.buildSources()
	b.buildProviders()
	b.buildPeers()
	b.buildKeys()
	b.buildSinks()
	b.buildAlerts()
	if len(c.list) == 0 && len(cfg.Keys) == 0 && !b.none { // a file that was cut short must not end a delivery
		c.add(docs[0].fault(0, 0, "keys", "no key is named, so there is nothing to do",
			"livekey config init writes an example; keys: {} says that none is meant"))
	}
	return cfg, c.err()
}

// file takes one file's sections and settings.
func (b *builder) file(n Node) {
	c := b.cfg
	t := top{StartupWait: c.StartupWait, StateDir: c.StateDir, SaltFile: c.SaltFile, Socket: c.Socket, Metrics: c.Metrics}
	b.take(n.Decode(&t))
	c.StartupWait, c.StateDir, c.SaltFile, c.Socket, c.Metrics = t.StartupWait, t.StateDir, t.SaltFile, t.Socket, t.Metrics

	b.once(n, "startup_wait", "state_dir", "salt_file", "socket", "metrics")
	b.absolute(n, "state_dir", c.StateDir)
	b.absolute(n, "socket", c.Socket)
	switch beside := filepath.Join(filepath.Dir(c.Socket), "report.sock"); {
	case c.Socket == beside:
		b.add(n.fault("socket", "report.sock is the name of the socket for reports, in the same folder", ""))
	case max(len(c.Socket), len(beside)) > maxSocketPath:
		b.add(n.fault("socket", "longer than the 107 bytes that a socket's path may have", ""))
	}
	if c.SaltFile != "" {
		b.absolute(n, "salt_file", c.SaltFile)
	}
	if c.Metrics != "" && !isHostPort(c.Metrics) {
		b.add(n.fault("metrics", "must be an address and a port", "write it as 127.0.0.1:9474"))
	}
	b.once(t.Policy, "refresh", "probe", "confirm", "on_unknown", "grace", "budget", "allow_rollback", "watch_previous")
	c.Policy = b.policy(t.Policy, c.Policy)
	c.policies = append(c.policies, t.Policy)
	c.said = b.said
	b.once(t.Log, "level", "format")
	b.take(t.Log.Decode(&c.Log))
	b.holders(t.Holders)
	b.lease(t.Lease)

	b.gather(b.sources, t.Sources)
	b.gather(b.keys, t.Keys)
	b.none = b.none || t.Keys != nil // null is not {}
	b.gather(b.sinks, t.Sinks)
	b.gather(b.alerts, t.Alerts)
	b.gather(b.providers, t.Providers)
	b.gather(b.peers, t.Peers)
}

// isHostPort says whether s is an IP address or localhost, and a port: no name
// is looked up.
func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host != "" && host != "localhost" && net.ParseIP(host) == nil {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// maxSocketPath is what sockaddr_un holds on Linux, less the final NUL.
const maxSocketPath = 107

// gather adds a file's entries to a section; a name of another file is a fault.
func (b *builder) gather(section, entries map[string]Node) {
	for name, n := range entries {
		if b.claim(n) {
			section[name] = n
		}
	}
}

// once holds that fields are said in one file only.
func (b *builder) once(n Node, fields ...string) {
	for _, f := range fields {
		if child, ok := n.field(f); ok {
			b.claim(child)
		}
	}
}

func (b *builder) claim(n Node) bool {
	first, twice := b.said[n.path]
	if twice && first.doc != n.doc { // within one file the decoder has said so
		b.add(n.nameFault("said twice: first at "+first.place(), "keep one of them"))
		return false
	}
	b.said[n.path] = n
	return true
}

func (b *builder) absolute(n Node, field, path string) {
	if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
		b.add(n.fault(field, "must be an absolute path", "begin it with /"))
	}
}

// named checks the name of an entry of sources, sinks, alerts or providers: it
// stands before :// in references and is part of default paths.
func (b *builder) named(n Node) bool {
	if sourceName.MatchString(n.name.Value) {
		return true
	}
	b.add(n.nameFault("not a name", "a name has letters, digits, and _ . - after the first"))
	return false
}

// entry checks an entry that has a kind: kind and what is left for it.
func (b *builder) entry(n Node, kinds []string) (kind string, settings Node, ok bool) {
	if y := target(n.yaml); !b.named(n) {
		return "", n, false
	} else if !n.empty() && !isMapping(y) {
		b.add(n.fault("", "must have fields of its own", "write them below it, indented, as name: value"))
		return "", n, false
	}
	b.absoluteFiles(n)
	at, said := n.field("kind")
	if !said {
		kind = n.name.Value
		if !slices.Contains(kinds, kind) {
			f := n.nameFault("required, because the entry's name is no kind", choice(kind, kinds))
			f.Path = joinPath(n.path, "kind")
			b.add(f)
			return "", n, false
		}
		return kind, n, true
	}
	err := at.Decode(&kind)
	if err == nil {
		err = n.oneOf("kind", kind, kinds...)
	}
	b.take(err)
	return kind, n.without("kind"), err == nil
}

// absoluteFiles holds that every *_file and *_dir of an entry, however deep, is
// absolute: a daemon's working folder is nobody's business. A switch such as
// allow_unsafe_dir is no path.
func (b *builder) absoluteFiles(n Node) {
	y := target(n.yaml)
	if !isMapping(y) {
		return
	}
	for pair := range slices.Chunk(y.Content, 2) {
		child, value := n.child(pair[0], pair[1]), target(pair[1])
		name := pair[0].Value
		switch {
		case isMapping(value):
			b.absoluteFiles(child)
		case isScalar(value) && value.Value != "" && value.Tag != "!!bool" && (strings.HasSuffix(name, "_file") || strings.HasSuffix(name, "_dir")):
			b.absolute(child, "", value.Value)
		}
	}
}

func (b *builder) buildSources() {
	b.cfg.Sources = make(map[string]Source)
	for name, n := range b.sources {
		if kind, settings, ok := b.entry(n, b.kinds.Sources); ok {
			b.cfg.Sources[name] = Source{Name: name, Kind: kind, Settings: settings}
		}
	}
}

func (b *builder) buildAlerts() {
	b.cfg.Alerts = make(map[string]Channel)
	for name, n := range b.alerts {
		if kind, settings, ok := b.entry(n, b.kinds.Channels); ok {
			b.cfg.Alerts[name] = Channel{Name: name, Kind: kind, Settings: settings}
		}
	}
}

func (b *builder) buildProviders() {
	b.cfg.Providers = make(map[string]Provider)
	for name, n := range b.providers {
		var spec providerSpec
		b.take(n.Decode(&spec))
		file, admin := n.has("file"), n.has("admin_key_file")
		switch {
		case !b.named(n) || !n.empty() && !isMapping(target(n.yaml)):
			continue
		case name == NoProvider:
			b.add(n.nameFault("this name means that nobody can prove a key", "choose another"))
			continue
		case name == anthropic && admin && !file:
			b.cfg.Providers[name] = Provider{Name: name, Admin: b.anthropicAdmin(n, AnthropicAdmin{AdminKeyFile: spec.AdminKeyFile, BaseURL: spec.BaseURL}), Node: n}
			continue
		case !file:
			b.add(n.fault("file", "required", "name the provider's file: file: /etc/livekey/providers/…"))
			continue
		case admin:
			b.add(n.fault("admin_key_file", "is for the provider that livekey knows as "+anthropic+" alone", "remove it"))
		}
		b.absolute(n, "file", spec.File)
		b.cfg.Providers[name] = Provider{Name: name, File: spec.File, Node: n}
	}
}

func (b *builder) buildKeys() {
	b.cfg.Keys = make(map[key.Name]Key)
	b.names = slices.Sorted(maps.Keys(b.keys))
	for _, name := range b.names { // the order decides which key names a source first
		k, ok := b.key(b.keys[name])
		if ok {
			b.cfg.Keys[k.Name] = k
		}
	}
}
