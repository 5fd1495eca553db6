package catalog

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

// Kind tells which kind of credential a value is, by its prefix and by what the config says
// beside it, and whether it has the shape of one: a shape only ever speaks against a value.
func (p *Provider) Kind(v secret.Value, with map[string]string) (name string, fits bool) {
	c := p.class(v, with)
	return c.name, !c.misshapen(v)
}

// Signs says whether calls are signed, with the time of day in it.
func (p *Provider) Signs() bool { return p.file.Request != nil && len(p.file.Request.Sign) > 0 }

// Addresses are the variables of an environment that name the issuer's address.
func (p *Provider) Addresses() []string { return p.file.Recognize.BaseURL }

// Curl is the live call of a kind of credential as a command for a shell. It reads the
// parts of the key from the variables in env and hands them to curl over its standard
// input: what stands on a command line, every user of the machine can see. It is "" where
// no such call is made.
func (p *Provider) Curl(s Settings, kind string, env map[key.Part]string) string {
	c := p.classes[len(p.classes)-1]
	if i := slices.IndexFunc(p.classes, func(c *class) bool { return c.name == kind }); i >= 0 {
		c = p.classes[i]
	}
	params, err := p.params(s.With)
	if c.request == nil || err != nil {
		return ""
	}
	to, err := p.file.newBase(s.BaseURL, params)
	if err != nil {
		return ""
	}
	return curl{call: c.request, params: params, env: env}.line(to)
}

// curl writes one call. What holds a part goes into the lines of a config file of curl's
// (--config), by printf; the rest into arguments.
type curl struct {
	*call
	params map[string]string
	env    map[key.Part]string
}

func (c curl) line(to base) string {
	var lines []fed
	var arguments []string
	if c.method != http.MethodGet {
		arguments = append(arguments, "-X "+c.method)
	}
	for _, name := range slices.Sorted(maps.Keys(c.headers)) {
		t := c.headers[name]
		if len(t) == 1 && name == "Authorization" || len(t) == 2 && name == "Authorization" {
			if b, ok := readBasic(t[len(t)-1].name); ok { // curl makes the base64
				lines = append(lines, c.option("user", template{b.user.piece(), {literal: ":"}, b.password.piece()}))
				continue
			}
		}
		if _, none := t.render(c.stands); none {
			continue
		}
		if c.ofKey(t) {
			lines = append(lines, c.option("header", append(template{{literal: name + ": "}}, t...)))
		} else {
			text, _ := t.render(c.stands)
			arguments = append(arguments, "-H "+shellWord(name+": "+text))
		}
	}
	if c.sign != nil {
		lines = append(lines, c.signed(&arguments)...)
	}
	if c.ofKey(c.body) {
		lines = append(lines, c.option("data", c.body))
	} else if text, _ := c.body.render(c.stands); text != "" {
		arguments = append(arguments, "--data "+shellWord(text))
	}
	address := slices.Concat(to.template(), c.url)
	if c.ofKey(address) {
		lines = append(lines, c.option("url", address))
	} else {
		text, _ := address.render(c.stands)
		arguments = append(arguments, shellWord(text))
	}
	const more = " \\\n  "
	if len(lines) == 0 {
		return "curl -sSi" + more + strings.Join(arguments, more)
	}
	var b strings.Builder
	b.WriteString("printf '")
	var values []string
	for _, l := range lines {
		b.WriteString(l.format + `\n`)
		values = append(values, l.values...)
	}
	b.WriteString("' " + strings.Join(values, " ") + " |" + more + "curl -sSi -K -")
	for _, a := range arguments {
		b.WriteString(more + a)
	}
	return b.String()
}

// signed are the options by which curl signs as AWS wants it, which is the only way that a
// file can name today.
func (c curl) signed(arguments *[]string) []fed {
	of := func(name string) string {
		text, _ := c.sign.with[name].render(c.stands)
		return text
	}
	*arguments = append(*arguments, "--aws-sigv4 "+shellWord("aws:amz:"+of("region")+":"+of("service")))
	lines := []fed{c.option("user", template{{name: c.parts[0]}, {literal: ":"}, {name: c.parts[1]}})}
	for _, part := range c.missing {
		if c.env[key.Part(part)] != "" {
			lines = append(lines, c.option("header", template{{literal: "X-Amz-Security-Token: "}, {name: part}}))
		}
	}
	return lines
}

// stands is what a name is filled with on a command line: a parameter, or a place for what
// a person fills in.
func (c curl) stands(name string) string {
	if slices.Contains(c.parts, name) {
		return c.env[key.Part(name)]
	}
	if _, ok := c.derived[name]; ok {
		return "<" + name + ">"
	}
	return c.params[name]
}

func (c curl) ofKey(t template) bool {
	return slices.ContainsFunc(t.names(), func(name string) bool { return slices.Contains(c.parts, name) })
}

// fed is what curl is fed with: a format of printf, in single quotes, and its arguments.
type fed struct {
	format string
	values []string
}

// option is a line of a config file of curl's.
func (c curl) option(name string, t template) fed {
	f := fed{format: name + ` = "`}
	// Twice over: what a quoted text of curl's escapes, printf reads before.
	escape := strings.NewReplacer(`\`, `\\\\`, `"`, `\\"`, `%`, `%%`, "\n", `\\n`, "'", `'\''`)
	for _, p := range t {
		switch {
		case p.name == "":
			f.format += escape.Replace(p.literal)
		case slices.Contains(c.parts, p.name):
			f.format += "%s"
			f.values = append(f.values, `"$`+c.env[key.Part(p.name)]+`"`)
		default:
			f.format += escape.Replace(c.stands(p.name))
		}
	}
	f.format += `"`
	return f
}

// piece is an operand as a template has it.
func (o operand) piece() piece { return piece(o) }

// template is an address with its placeholders.
func (b base) template() template {
	if len(b.names) == 0 {
		return template{{literal: b.text}}
	}
	return b.label
}

// shellWord is text as one word of a shell.
func shellWord(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
