// Package migrate reads the configs of other tools (Vault Agent, consul-template,
// envconsul) and says what of them livekey can do, and what not. It executes no template,
// follows no reference and reads no file but the one that it is given. Texts that may be
// values, such as tokens and literals in templates, go nowhere.
package migrate

import (
	"cmp"
	"errors"
	"slices"

	"github.com/livekey/livekey/internal/draft"
	"github.com/livekey/livekey/internal/key"
)

// The tools whose configs are read.
const (
	VaultAgent     = "Vault Agent"
	ConsulTemplate = "consul-template"
	Envconsul      = "envconsul"
)

// A Variable is one value that the other tool delivers.
type Variable struct {
	Name   string
	Ref    key.Ref
	Trim   bool
	Base64 bool
	Sink   string // the name of one of Sinks; "" for the environment of Command
}

// Left is something that livekey does not do in this way, and what to do about it.
type Left struct {
	Line int // of the config, from 1
	What string
	Why  string
}

// A Result is a config of another tool in livekey's words.
type Result struct {
	Tool      string
	Sources   []draft.Entry
	Variables []Variable
	Sinks     []draft.Entry // without their keys
	Policy    []draft.Field
	Command   []string // of a program that the tool starts
	Never     bool     // that program is not restarted when a key changes
	Left      []Left
}

// MaxSize is that of the largest config that is read, in bytes.
const MaxSize = 1 << 20

// Options are what a config cannot say.
type Options struct {
	Fields []string // variables that an envconsul config takes out of its secret without naming them
	Run    string   // the folder below which livekey delivers
}

// Read reads a config in HCL. The error says what is no config, without quoting it.
func Read(text []byte, o Options) (Result, error) {
	root, err := parse(text)
	if err != nil {
		return Result{}, err
	}
	r := &reader{run: o.Run, taken: map[string]bool{}, tried: map[string]int{}}
	switch {
	case root.any("auto_auth", "env_template", "cache", "listener", "api_proxy"):
		r.Tool = VaultAgent
		r.vaultAgent(root)
	case root.any("secret", "prefix"):
		r.Tool = Envconsul
		r.envconsul(root, o.Fields)
	case root.any("template", "vault", "consul"):
		r.Tool = ConsulTemplate
		r.consulTemplate(root)
	default:
		return Result{}, errors.New("read config: no block of Vault Agent, consul-template or envconsul is in it")
	}
	r.rest(root, "")
	slices.SortStableFunc(r.Left, func(a, b Left) int { return cmp.Compare(a.Line, b.Line) })
	return r.Result, nil
}

type reader struct {
	Result
	run   string
	taken map[string]bool // names of Sinks
	tried map[string]int  // the last number behind a name
}

// leave says that something is left out.
//
//go:noinline
func (r *reader) leave(line int, what, why string) {
	r.Left = append(r.Left, Left{line, what, why})
}

// drop takes fields of n that livekey has no use for, and says why.
func (r *reader) drop(n *node, why string, names ...string) {
	for _, name := range names {
		for _, c := range n.take(name) {
			c.seeAll()
			r.leave(c.line, n.path(name), why)
		}
	}
}

// ignore takes fields that say what livekey does anyway, or what is nothing to it.
func (n *node) ignore(names ...string) {
	for _, name := range names {
		for _, c := range n.take(name) {
			c.seeAll()
		}
	}
}

// rest says of everything that nobody took that it is left out.
func (r *reader) rest(n *node, path string) {
	for _, c := range n.items {
		at := c.name
		if path != "" {
			at = path + "." + at
		}
		if !c.seen {
			r.leave(c.line, shown(at), "livekey has nothing like it, or does not know it")
			continue
		}
		r.rest(c, at)
	}
}
