package config

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/livekey/livekey/internal/key"
)

// Revoke says how an old version is revoked once every consumer has left it. Exactly one
// of Anthropic and Exec is set.
type Revoke struct {
	After     time.Duration   `yaml:"after"` // how long it must have been safe
	Anthropic *AnthropicAdmin `yaml:"anthropic"`
	Exec      []string        `yaml:"exec"` // a program, which gets no value
}

// AnthropicAdmin is how Anthropic's Admin API is called.
type AnthropicAdmin struct {
	AdminKeyFile string `yaml:"admin_key_file"`
	BaseURL      string `yaml:"base_url"`
}

// Peer is another livekey, by the name under which a consumer host:NAME means it.
type Peer struct {
	Name string
	Exec []string // prints the JSON of its status
	Node Node
}

const (
	revokeAfter   = time.Hour
	anthropicHost = "https://api.anthropic.com"
	anthropic     = "anthropic" // whose Admin API lists keys
)

// revokeSpec is a revoke as the file writes it.
type revokeSpec struct {
	After     time.Duration `yaml:"after"`
	Anthropic Node          `yaml:"anthropic"`
	Exec      []string      `yaml:"exec"`
}

// peerSpec is a peer as the file writes it.
type peerSpec struct {
	Exec []string `yaml:"exec"`
}

// hints of programs.
const (
	programRule = "must be a list that begins with the absolute path of a program"
	peerHint    = "no shell reads it: [/usr/bin/ssh, web-2, livekey, status, --output, json]"
	hookHint    = "no shell reads it: [/usr/local/bin/revoke, --now]"
)

func isProgram(argv []string) bool { return len(argv) > 0 && filepath.IsAbs(argv[0]) }

func (b *builder) buildPeers() {
	b.cfg.Peers = make(map[string]Peer)
	for name, n := range b.peers {
		var spec peerSpec
		b.take(n.Decode(&spec))
		if !b.named(n) || !n.empty() && !isMapping(target(n.yaml)) {
			continue
		}
		if !isProgram(spec.Exec) {
			if !n.misshaped("exec", yaml.SequenceNode) {
				b.add(n.fault("exec", programRule, peerHint))
			}
			continue
		}
		b.cfg.Peers[name] = Peer{Name: name, Exec: spec.Exec, Node: n}
	}
}

// consumers reads whom a key declares as its consumers.
func (b *builder) consumers(n Node, said []string) []key.Consumer {
	at, _ := n.field("consumers")
	var all []key.Consumer
	for i, text := range said {
		y := target(at.yaml).Content[i]
		if !isScalar(target(y)) {
			continue // Decode has said so
		}
		item := at.item(i, y)
		c, err := key.ParseConsumer(text)
		switch {
		case err != nil:
			b.add(item.fault("", err.Error(), ""))
		case slices.Contains(all, c):
			b.add(item.fault("", "said twice", "keep one of them"))
		case c.Kind() == key.ConsumerHost && !b.isPeer(c.Name()):
			b.add(item.fault("", "no peer has this name, so nobody could look there", choice(c.Name(), slices.Sorted(maps.Keys(b.peers)))))
		default:
			all = append(all, c)
		}
	}
	return all
}

func (b *builder) isPeer(name string) bool { _, ok := b.peers[name]; return ok }

// revoke reads how the old versions of a key are revoked; nil if nobody does.
func (b *builder) revoke(n, at Node, consumers []string) *Revoke {
	if at.empty() {
		return nil
	}
	spec := revokeSpec{After: revokeAfter}
	b.take(at.Decode(&spec))
	if !isMapping(target(at.yaml)) {
		return nil
	}
	r := &Revoke{After: spec.After, Exec: spec.Exec}
	if at.has("after") && spec.After < shortest {
		b.add(at.fault("after", "shorter than 50ms", ""))
	}
	if len(consumers) == 0 {
		b.add(n.fault("revoke", "of no use without consumers: it is never safe to revoke what nobody is known to have left",
			"declare them: consumers: [unit:app.service]"))
	}
	switch api, program := at.has("anthropic"), at.has("exec"); {
	case api && program:
		b.add(at.fault("exec", "beside anthropic", "keep one of them"))
	case !api && !program:
		b.add(at.fault("", "does not say how", "anthropic: {admin_key_file: /…}, or exec: [/…]"))
	case program && !isProgram(spec.Exec):
		b.add(at.fault("exec", programRule, hookHint))
	case api:
		admin := AnthropicAdmin{}
		if p := b.cfg.Providers[anthropic].Admin; p != nil {
			admin = *p
		}
		b.take(spec.Anthropic.Decode(&admin))
		r.Anthropic = b.anthropicAdmin(spec.Anthropic, admin)
	}
	return r
}

// anthropicAdmin checks what n itself says of the Admin API.
func (b *builder) anthropicAdmin(n Node, a AnthropicAdmin) *AnthropicAdmin {
	a.BaseURL = cmp.Or(a.BaseURL, anthropicHost)
	if b.required(n, "admin_key_file", a.AdminKeyFile) && n.has("admin_key_file") {
		b.absolute(n, "admin_key_file", a.AdminKeyFile)
	}
	if _, err := ParseBaseURL(a.BaseURL); err != nil && n.has("base_url") && !looksSecret(a.BaseURL) {
		b.add(n.fault("base_url", err.Error(), ""))
	}
	return &a
}
