package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/livekey/livekey/internal/key"
)

// Show is the configuration as it holds, defaults filled in, as YAML that Read
// reads the same, but for the path of an alert's or a hook's address, which may be a
// token and is masked. Its order is fixed. It has no secret, because Read takes none.
func Show(c *Config) ([]byte, error) {
	root := mapping(
		"sources", section(c.Sources, func(s Source) *yaml.Node { return withKind(s.Kind, nil, s.Settings) }),
		"providers", section(c.Providers, func(p Provider) *yaml.Node {
			if p.Admin != nil {
				return showAdmin(*p.Admin)
			}
			return mapping("file", text(p.File))
		}),
		"peers", section(c.Peers, func(p Peer) *yaml.Node { return mapping("exec", texts(p.Exec)) }),
		"keys", section(c.Keys, c.showKey),
		"sinks", section(c.Sinks, showSink),
		"alerts", section(c.Alerts, showChannel),
		"policy", showPolicy(c.Policy, nil),
		"startup_wait", duration(c.StartupWait),
		"state_dir", text(c.StateDir),
		"salt_file", optional(c.SaltFile),
		"socket", text(c.Socket),
		"metrics", optional(c.Metrics),
		"log", mapping("level", text(string(c.Log.Level)), "format", text(string(c.Log.Format))),
		"holders", mapping("files", texts(c.Holders.Files)),
		"lease", showLease(c.Lease),
	)
	out, err := yaml.Dump(root)
	if err != nil {
		return nil, fmt.Errorf("write config: %w", err)
	}
	return out, nil
}

func showLease(l Lease) *yaml.Node {
	if l.Name == "" {
		return nil
	}
	return mapping("name", text(l.Name), "namespace", optional(l.Namespace), "kubeconfig", optional(l.Kubeconfig),
		"context", optional(l.Context), "api", optional(l.API), "token_file", optional(l.TokenFile), "ca_file", optional(l.CAFile))
}

func (c *Config) showKey(k Key) *yaml.Node {
	n := mapping(
		"from", section(k.From, func(r key.Ref) *yaml.Node { return text(FormatRef(r)) }),
		"env", section(k.Env, func(p key.Part) *yaml.Node { return text(string(p)) }),
		"provider", optional(k.Provider),
		"base_url", optional(k.BaseURL),
		"with", section(k.With, text),
		"optional", boolean(k.Optional),
		"form", optional(k.Form),
		"format", text(k.Format),
		"trim", boolean(k.Trim),
		"expect", section(k.Expect, text),
	)
	if len(k.Allow) > 0 {
		n.Content = append(n.Content, text("lint"), mapping("allow", texts(k.Allow)))
	}
	if k.OptIn {
		n.Content = append(n.Content, text("opt_in"), boolean(true))
	}
	if k.Follow {
		n.Content = append(n.Content, text("identity"), text("follow"))
	}
	if len(k.Consumers) > 0 {
		n.Content = append(n.Content, text("consumers"), texts(k.Consumers))
	}
	if k.Revoke != nil {
		n.Content = append(n.Content, text("revoke"), showRevoke(*k.Revoke))
	}
	if own := showPolicy(k.Policy, &c.Policy); len(own.Content) > 0 {
		n.Content = append(n.Content, text("policy"), own)
	}
	if logs := showReports(k.Reports); logs != nil {
		n.Content = append(n.Content, text("reports"), logs)
	}
	return n
}

func showAdmin(a AnthropicAdmin) *yaml.Node {
	return mapping("admin_key_file", text(a.AdminKeyFile), "base_url", text(a.BaseURL))
}

func showRevoke(r Revoke) *yaml.Node {
	if r.Anthropic == nil {
		return mapping("after", duration(r.After), "exec", texts(r.Exec))
	}
	return mapping("after", duration(r.After), "anthropic",
		showAdmin(*r.Anthropic))
}

func showSink(s Sink) *yaml.Node {
	names := make([]string, len(s.Keys))
	for i, name := range s.Keys {
		names[i] = string(name)
	}
	return withKind(s.Kind, mapping("keys", texts(names), "complete", boolean(s.Complete), "on_change", showOnChange(s.OnChange)), s.Settings)
}

// showChannel is a channel whose addresses say the host alone: chat services put
// the token into the path.
func showChannel(a Channel) *yaml.Node {
	n := withKind(a.Kind, nil, a.Settings)
	maskPaths(n)
	return n
}

func maskPaths(y *yaml.Node) {
	if y.Kind == yaml.ScalarNode {
		y.Value = hostOnly(y.Value)
	}
	for _, c := range y.Content {
		maskPaths(c)
	}
}

// address is an address in its parts: where it goes, and what may be a token.
var address = regexp.MustCompile(`(?i)^(https?://[^/?#]*)(.*)$`)

func hostOnly(s string) string {
	m := address.FindStringSubmatch(s)
	if m == nil || m[2] == "" || m[2] == "/" {
		return s
	}
	return m[1] + "/" + mask
}

// showPolicy is p, or what of it is not as in less.
func showPolicy(p Policy, less *Policy) *yaml.Node {
	confirm := mapping("times", number(p.ConfirmTimes), "over", duration(p.ConfirmOver))
	all := []struct {
		name  string
		value *yaml.Node
		same  func(*Policy) bool
	}{
		{"refresh", duration(p.Refresh), func(o *Policy) bool { return o.Refresh == p.Refresh }},
		{"probe", duration(p.Probe), func(o *Policy) bool { return o.Probe == p.Probe }},
		{"confirm", confirm, func(o *Policy) bool {
			return o.ConfirmTimes == p.ConfirmTimes && o.ConfirmOver == p.ConfirmOver
		}},
		{"on_unknown", text(string(p.OnUnknown)), func(o *Policy) bool { return o.OnUnknown == p.OnUnknown }},
		{"grace", duration(p.Grace), func(o *Policy) bool { return o.Grace == p.Grace }},
		{"budget", number(p.Budget), func(o *Policy) bool { return o.Budget == p.Budget }},
		{"allow_rollback", text(string(p.AllowRollback)), func(o *Policy) bool { return o.AllowRollback == p.AllowRollback }},
		{"expiry", durations(p.Expiry), func(o *Policy) bool { return slices.Equal(o.Expiry, p.Expiry) }},
		{"watch_previous", boolean(p.WatchPrevious), func(o *Policy) bool { return o.WatchPrevious == p.WatchPrevious }},
	}
	n := mapping()
	for _, f := range all {
		if less == nil || !f.same(less) {
			n.Content = append(n.Content, text(f.name), f.value)
		}
	}
	return n
}

// withKind is an entry: kind, the core's fields, then the kind's own as written.
func withKind(kind string, core *yaml.Node, settings Node) *yaml.Node {
	n := mapping("kind", text(kind))
	if core != nil {
		n.Content = append(n.Content, core.Content...)
	}
	if y := target(settings.yaml); isMapping(y) {
		n.Content = append(n.Content, bare(y).Content...)
	}
	return n
}

// bare is a copy without comments, anchors and aliases, in block style.
func bare(y *yaml.Node) *yaml.Node {
	y = target(y)
	n := &yaml.Node{Kind: y.Kind, Tag: y.Tag, Value: y.Value}
	if y.Kind == yaml.ScalarNode && y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		n.Style = yaml.DoubleQuotedStyle // a quoted "0640" must stay a text
	}
	for _, c := range y.Content {
		n.Content = append(n.Content, bare(c))
	}
	return n
}

// mapping makes a mapping of names and nodes in turn; a nil node is left out.
func mapping(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for pair := range slices.Chunk(pairs, 2) {
		if value := pair[1].(*yaml.Node); value != nil {
			n.Content = append(n.Content, text(pair[0].(string)), value)
		}
	}
	return n
}

// section is a mapping sorted by name, nil if it is empty.
func section[K ~string, V any](m map[K]V, show func(V) *yaml.Node) *yaml.Node {
	if len(m) == 0 {
		return nil
	}
	n := mapping()
	for _, name := range slices.Sorted(maps.Keys(m)) {
		n.Content = append(n.Content, text(string(name)), show(m[name]))
	}
	return n
}

func texts[S ~string](all []S) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	for _, s := range all {
		n.Content = append(n.Content, text(string(s)))
	}
	return n
}

func text(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

func optional(s string) *yaml.Node {
	if s == "" {
		return nil
	}
	return text(s)
}

func number(i int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprint(i)}
}

func boolean(b bool) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(b)}
}

func durations(all []time.Duration) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	for _, d := range all {
		n.Content = append(n.Content, duration(d))
	}
	return n
}

// duration writes 10m rather than 10m0s, and 14d rather than 336h0m0s.
func duration(d time.Duration) *yaml.Node {
	if d > day && d%day == 0 {
		return text(fmt.Sprintf("%dd", d/day))
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return text(s)
}
