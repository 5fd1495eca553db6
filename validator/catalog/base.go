package catalog

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/config"
)

// OwnAddress is the base_url of an issuer that runs where its users run it.
const OwnAddress = "own"

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// base is where live calls go: https://host[:port][/path], no slash at its end. Where a
// part of a key, or a piece of one, fills a DNS label, the host differs from key to
// key, below what the file fixes.
type base struct {
	text  string // the whole, if it is the same for all keys
	label template
	names []string // the labels that a key fills
}

// newBase is the config's base_url, or the file's own with its parameters filled in.
func (f *file) newBase(own string, params map[string]string) (base, error) {
	if own == "" && f.BaseURL == OwnAddress {
		return base{}, fmt.Errorf("base_url: provider %s has no address of its own: say where yours is, as https://host", f.ID)
	}
	if own != "" {
		text, err := ownBase(own, f.BaseURL)
		return base{text: text}, err
	}
	t, _ := parseTemplate(strings.TrimSuffix(f.BaseURL, "/"))
	b := base{}
	for _, p := range t {
		if p.name == "" || f.ofKey(p.name) {
			b.label = append(b.label, p)
			if p.name != "" {
				b.names = append(b.names, p.name)
			}
			continue
		}
		if len(f.Params[p.name].OneOf) == 0 && !dnsLabel.MatchString(params[p.name]) {
			return base{}, fmt.Errorf("with.%s: must be one DNS label, because it is part of the host", p.name)
		}
		b.label = append(b.label, piece{literal: params[p.name]})
	}
	if len(b.names) == 0 {
		b.text, _ = b.label.render(nil)
	}
	return b, nil
}

// named says whether what a config says, or a key, is the host or a part of it.
func (f *file) named(s Settings) bool {
	t, _ := parseTemplate(f.BaseURL)
	return s.BaseURL != "" || slices.ContainsFunc(t.names(), func(name string) bool { return s.With[name] != "" || f.ofKey(name) })
}

// ofKey says whether a placeholder is filled by what a key is.
func (f *file) ofKey(name string) bool {
	_, derived := f.Derived[name]
	return derived || f.isPart(name)
}

var errNoHost = errors.New("the host of the call cannot be made of this key: a part of it has to be one DNS label, such as an id or a region")

// of is the address for one key.
func (b base) of(value func(name string) string) (string, error) {
	if len(b.names) == 0 {
		return b.text, nil
	}
	ok := true
	text, _ := b.label.render(func(name string) string {
		label := strings.ToLower(value(name))
		ok = ok && dnsLabel.MatchString(label)
		return label
	})
	if !ok {
		return "", errNoHost
	}
	return text, nil
}

// origin is the scheme and the host, with * for what a key fills, and the host alone.
func (b base) origin() (origin, host string, err error) {
	text := b.text
	if len(b.names) > 0 {
		const star = "x0star"
		text, _ = b.label.render(func(string) string { return star })
		u, err := url.Parse(text)
		if err != nil {
			return "", "", errors.New("base_url: not a URL") // err quotes it
		}
		host = strings.ReplaceAll(u.Host, star, "*")
		return u.Scheme + "://" + host, host, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", "", errors.New("base_url: not a URL") // err quotes it
	}
	return u.Scheme + "://" + u.Host, u.Host, nil
}

// cut is the piece of a part, "" if it has none.
func (d derived) cut(part string) string {
	found := regexp.MustCompile(d.Match).FindStringSubmatch(part)
	if len(found) < 2 {
		return ""
	}
	return found[1]
}

// checkDerived keeps what is derived from parts readable.
func (f *file) checkDerived(fs *faults) {
	for name, d := range f.Derived {
		if _, taken := f.Params[name]; taken || !nameForm.MatchString(name) || name == baseURL || f.isPart(name) {
			fs.add(f.node, "derived."+name, "must be lower-case letters, digits and _, and the name of nothing else")
		}
		if !f.isPart(d.Part) {
			fs.add(f.node, "derived."+name, "part: is the name of a part")
		}
		if e, err := regexp.Compile(d.Match); err != nil || e.NumSubexp() != 1 {
			fs.add(f.node, "derived."+name, "match: is a regular expression with one group, which is what is cut out")
		}
	}
}

// checkBase keeps a value on the hosts that the file names: https, and placeholders only
// in one DNS label, whole or with a fixed ending, in front of a fixed suffix of two or more.
func (f *file) checkBase(fs *faults) {
	if f.BaseURL == OwnAddress {
		return
	}
	t, err := parseTemplate(f.BaseURL)
	if err != nil {
		fs.add(f.node, "base_url", "%v", err)
		return
	}
	for _, name := range t.names() {
		_, param := f.Params[name]
		_, derived := f.Derived[name]
		if !param && !derived && !slices.Contains(f.Public, name) {
			fs.add(f.node, "base_url", "{{%s}} is no parameter; a secret never names a host, but for a part that is public, or what is derived", name)
			return
		}
	}
	const label = "x0label"
	filled, _ := t.render(func(name string) string {
		if fixed := f.Params[name].OneOf; len(fixed) > 0 {
			return fixed[0]
		}
		return label
	})
	u, err := url.Parse(filled)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		fs.add(f.node, "base_url", "must be https://host, with a path at most; or own")
		return
	}
	labels := strings.Split(u.Hostname(), ".")
	for i, l := range labels {
		if strings.Contains(l, label) && (l != label && !strings.HasPrefix(l, label+"-") || i > len(labels)-3) {
			fs.add(f.node, "base_url", "a placeholder fills one DNS label, whole or before a dash, and at least two fixed ones follow it")
			return
		}
	}
	if strings.Contains(u.Port()+u.Path, label) {
		fs.add(f.node, "base_url", "a placeholder fills a DNS label only; others go into request.url")
	}
}

// checkOneOf keeps the values that a file fixes fit for where they may stand: in a host.
func (f *file) checkOneOf(fs *faults) {
	for _, name := range slices.Sorted(maps.Keys(f.Params)) {
		p := f.Params[name]
		for _, v := range p.OneOf {
			if slices.ContainsFunc(strings.Split(v, "."), func(label string) bool { return !dnsLabel.MatchString(label) }) {
				fs.add(f.node, "params."+name, "one_of has %s, which is neither a word nor the end of a host", config.Shown(v))
			}
		}
		if len(p.OneOf) > 0 && p.Default != "" && !slices.Contains(p.OneOf, p.Default) {
			fs.add(f.node, "params."+name, "the default is none of one_of")
		}
	}
}

// checkElsewhere wants to know what a config has to say.
func (f *file) checkElsewhere(fs *faults) {
	for _, name := range slices.Sorted(maps.Keys(f.Params)) {
		if p := f.Params[name]; p.Elsewhere != "" && p.Required {
			fs.add(f.node, "params."+name, "elsewhere is for a parameter that a config may leave out")
		}
	}
	if f.Elsewhere != "" && f.BaseURL == OwnAddress {
		fs.add(f.node, "elsewhere", "is for an issuer with an address of its own")
	}
}

// ownBase is the address that a config names. Without a path, it gets that of the
// file's own.
func ownBase(own, usual string) (string, error) {
	u, err := config.ParseBaseURL(own)
	if err != nil {
		return "", fmt.Errorf("base_url: %w", err)
	}
	u.Host = strings.ToLower(u.Host)
	if strings.Trim(u.Path, "/") == "" && usual != OwnAddress {
		if file, err := url.Parse(strings.NewReplacer("{{", "", "}}", "").Replace(usual)); err == nil {
			u.Path = file.Path
		}
	}
	return strings.TrimRight(u.String(), "/"), nil
}
