package catalog

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
)

const pages = "../../docs/providers"

// docs/providers has a page for each provider, and a table of all of them, which say what the
// files say. `go generate` writes them.
func TestPagesAreWhatTheFilesSay(t *testing.T) {
	want := map[string][]byte{}
	files := sourceFiles(t)
	for _, f := range files {
		text, err := os.ReadFile("providers/" + f.ID + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		p := page{f: f, p: newProvider(f), remarks: readRemarks(t, string(text))}
		want[f.ID+".md"] = p.write()
	}
	want["README.md"] = overview(files)
	if *update {
		writePages(t, want)
	}
	var stale []string
	for name, text := range want {
		if got, err := os.ReadFile(filepath.Join(pages, name)); err != nil || !bytes.Equal(got, text) {
			stale = append(stale, name)
		}
	}
	if len(stale) > 0 {
		t.Errorf("%d pages of docs/providers are not what providers/*.yaml say, %s among them; run go generate ./validator/catalog", len(stale), stale[0])
	}
	there, err := filepath.Glob(filepath.Join(pages, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		if want[filepath.Base(path)] == nil {
			t.Errorf("%s is the page of no provider; remove it", path)
		}
	}
}

func writePages(t *testing.T, want map[string][]byte) {
	t.Helper()
	if err := os.MkdirAll(pages, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		if err := os.WriteFile(filepath.Join(pages, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// overview is the table of all providers.
func overview(files []*file) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# The built-in providers\n\nWhat livekey knows about %d issuers, generated from "+
		"[validator/catalog/providers](../../validator/catalog/providers). [providers.md](../providers.md) says how to describe one\nof your own. "+
		"**Asked**: *opt-in* is asked only for keys whose config says `opt_in: true`, *never* and *offline* not at all.\n\n"+
		"| provider | variables | asks | asked | confidence | cost |\n|---|---|---|---|---|---|\n", len(files))
	slices.SortFunc(files, func(a, b *file) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	for _, f := range files {
		asked := cmp.Or(f.ProbePolicy, "yes")
		names := slices.Concat(f.Recognize.Variables, f.Recognize.Shared)
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s | %s | %s | %s |\n", f.Name, f.ID, monos(names), host(f), asked, f.Confidence, cell(f.Cost))
	}
	return b.Bytes()
}

// host is where the questions go.
func host(f *file) string {
	switch {
	case f.Speak != "":
		return "its own protocol, `" + f.Speak + "`"
	case f.Request == nil:
		return "nobody"
	case f.BaseURL == OwnAddress:
		return "an address of your own"
	}
	_, address, _ := strings.Cut(f.BaseURL, "://")
	name, _, _ := strings.Cut(address, "/")
	return mono(regexp.MustCompile(`{{[^}]*}}`).ReplaceAllString(name, "*"))
}

// page is one provider's.
type page struct {
	bytes.Buffer
	f       *file
	p       *Provider
	remarks remarks
}

func (p *page) write() []byte {
	f := p.f
	p.line("# %s", f.Name)
	p.line("*Generated from [%s.yaml](../../validator/catalog/providers/%s.yaml). All providers: [README.md](README.md).*", f.ID, f.ID)
	p.line("In a config: `provider: %s`. Confidence in what is said here: %s.%s", f.ID, f.Confidence, after(p.remarks["id"]))
	p.recognized()
	p.asked()
	p.answers()
	p.tells()
	p.costs()
	p.traps()
	p.section("Evidence")
	for _, e := range f.Evidence {
		p.item(e)
	}
	return append(bytes.TrimSpace(p.Bytes()), '\n')
}

func (p *page) recognized() {
	r := p.f.Recognize
	p.section("How a key is recognized")
	if len(r.Variables)+len(r.Shared)+len(r.Prefix) == 0 {
		p.line("By the config alone, which says `provider: %s`.", p.f.ID)
	}
	p.list("Variables", r.Variables)
	p.list("Variables of several issuers, where the value's beginning decides", r.Shared)
	p.list("Beginnings that are this issuer's alone", r.Prefix)
	if r.Shape != "" {
		p.item("Shape, which only ever speaks against a refused key: " + mono(r.Shape))
	}
	for _, part := range p.f.Parts {
		p.item("Part " + mono(part) + p.part(part))
	}
	for _, at := range []string{"recognize", "recognize/variables", "recognize/prefix", "recognize/shape", "parts", "public", "form"} {
		p.note(at)
	}
	if len(p.f.Variants) == 0 {
		return
	}
	p.line("Kinds that are told apart by how they begin; what is none of these is asked about in the usual way:")
	p.table("kind", "begins with", "asked", "remark")
	for i, v := range p.f.Variants {
		asked := cmp.Or(v.ProbePolicy, "yes")
		p.row(v.Name, mono(v.Prefix), asked, strings.Join(clean(p.remarks[fmt.Sprintf("variants/%d", i)], sentence(cmp.Or(v.Detail, v.OptIn))), " "))
	}
}

// part says which variables have a part, and what else is to be known of it.
func (p *page) part(name string) string {
	var said, names []string
	for variable, part := range p.f.Recognize.Parts {
		if part == name {
			names = append(names, variable)
		}
	}
	slices.Sort(names)
	if len(names) > 0 {
		said = append(said, "of "+monos(names))
	}
	if slices.Contains(p.f.Public, name) {
		said = append(said, "no secret")
	}
	if slices.Contains(p.f.Optional, name) {
		said = append(said, "not every key has it")
	}
	if len(said) == 0 {
		return ""
	}
	return ", " + strings.Join(said, ", ")
}

func (p *page) asked() {
	f := p.f
	p.section("What is asked")
	switch {
	case f.ProbePolicy == never:
		p.line("Nobody: keys of this kind are never sent.")
	case f.ProbePolicy == offline:
		p.line("Nobody. What the value tells of itself is read by the code `%s`; the key is delivered as one of `provider: none` is.", f.Decode)
	case f.Speak != "":
		p.line("The code `%s` connects, logs in, asks who it is, and leaves.", f.Speak)
	}
	if f.OptIn != "" {
		p.line("**Only where the key's config says `opt_in: true`**: %s", sentence(f.OptIn))
	}
	p.calls()
	switch {
	case f.BaseURL == OwnAddress:
		p.line("Each key's config says `base_url:`, where its issuer runs.")
	case f.BaseURL != "":
		p.line("`{{base_url}}` is `%s`, unless the key's config says another `base_url:`.", f.BaseURL)
	}
	for _, at := range []string{"base_url", "request", "request/url", "request/headers", "request/body", "params", "derived", "decode", "speak", "control"} {
		p.note(at)
	}
	p.list("From an environment, `livekey check` takes the address out of", f.Recognize.BaseURL)
	if len(f.Params) > 0 {
		p.table("`with:`", "if left out", "what it is", "variables")
		for _, name := range slices.Sorted(maps.Keys(f.Params)) {
			a := f.Params[name]
			without := cmp.Or(mono(a.Default), "nothing")
			if a.Required {
				without = "is a fault"
			}
			p.row(mono(name), without, a.Help+after(p.remarks["params/"+name]), monos(a.Variables))
		}
	}
}

// calls are the requests of all kinds, each told once.
func (p *page) calls() {
	var told []string
	for _, c := range slices.Backward(p.p.classes) { // the usual one first
		if c.request == nil {
			continue
		}
		r := p.f.Request
		for j := range p.f.Variants {
			if v := &p.f.Variants[j]; v.Name == c.name && v.Request != nil {
				r = v.Request
			}
		}
		var text strings.Builder
		fmt.Fprintf(&text, "%s %s\n", r.Method, r.URL)
		for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
			fmt.Fprintf(&text, "%s: %s\n", name, r.Headers[name])
		}
		if r.Body != "" {
			fmt.Fprintf(&text, "\n%s\n", r.Body)
		}
		if slices.Contains(told, text.String()) {
			continue
		}
		told = append(told, text.String())
		if len(told) > 1 {
			p.line("Of the kind “%s”:", c.name)
		}
		p.line("```\n%s```", text.String())
		if r.ValueInURL != "" {
			p.line("The value stands in the URL: %s", sentence(r.ValueInURL))
		}
		if len(r.Sign) > 0 {
			p.line("The request is signed by the code `%s`; what it is signed with is not sent.", r.Sign[signedBy])
		}
	}
}

// traps are what misleads whoever asks this issuer.
func (p *page) traps() {
	f := p.f
	var traps []string
	add := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !slices.Contains(traps, text) {
			traps = append(traps, text)
		}
	}
	if f.Elsewhere != "" {
		add("Until the key's config says `base_url:`, a refusal is `unknown/misconfigured`: %s", sentence(f.Elsewhere))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Params)) {
		if text := f.Params[name].Elsewhere; text != "" {
			add("Until the key's config says `with: {%s: …}`, a refusal is `unknown/misconfigured`: %s", name, sentence(text))
		}
	}
	for _, v := range f.Variants {
		if v.Here {
			add("Of the kind “%s”, a refusal counts whatever the config says: how it begins tells where it lives.", v.Name)
		}
	}
	for _, c := range p.p.classes {
		for i := range c.rules {
			r := &c.rules[i]
			for _, status := range r.Status {
				switch refusal := status == 401 || status == 403; {
				case r.Outcome == key.Dead && !refusal:
					add("A key may be refused under a %d.", status)
				case r.Outcome == key.Live && status >= 400 && status != 429:
					add("A key that lives may be told a %d.", status)
				}
			}
		}
	}
	if len(traps) > 0 {
		p.section("Traps")
		slices.Sort(traps)
		for _, text := range traps {
			p.item(text)
		}
	}
}

func (p *page) answers() {
	f := p.f
	if len(f.Before) > 0 {
		p.section("What is known before anybody is asked")
		p.rules("before", f.Before, f.Confidence)
	}
	if f.ProbePolicy == never || f.ProbePolicy == offline {
		return
	}
	p.section("What each answer means")
	p.note("rules")
	for i, v := range f.Variants {
		if len(v.Rules) > 0 {
			p.line("First, of the kind “%s”:", v.Name)
			p.rules(fmt.Sprintf("variants/%d/rules", i), v.Rules, cmp.Or(v.Confidence, f.Confidence))
		}
	}
	if len(f.Rules) > 0 {
		if slices.ContainsFunc(f.Variants, func(v variant) bool { return len(v.Rules) > 0 }) {
			p.line("Then, of every kind:")
		}
		p.rules("rules", f.Rules, f.Confidence)
	}
	p.line("Everything else says nothing about the key, and is `unknown`: web pages, answers of proxies and firewalls, redirects, the issuer's own trouble.")
	if len(f.AuthenticIf) > 0 {
		var marks []string
		for _, c := range f.AuthenticIf {
			marks = append(marks, c.words())
		}
		p.line("An answer is the issuer's own if %s.%s", strings.Join(marks, ", and "), after(p.remarks["authentic_if"]))
	}
}

func (p *page) rules(path string, rules []rule, confidence string) {
	p.table(map[bool]string{true: "if the value says", false: "if the answer is"}[path == "before"], "the verdict is", "which means")
	for i, r := range rules {
		safe := r.safe(confidence)
		verdict := safe.verdict()
		means := clean(sentence(verdict.Detail), p.remarks[fmt.Sprintf("%s/%d", path, i)])
		if verdict.Outcome == key.Dead && !r.namesBody() && len(p.f.AuthenticIf) == 0 && p.f.Speak == "" && path != "before" {
			means = append(means, "Believed only while the issuer refuses a made-up key in the same way.")
		}
		if r.Alone != "" {
			means = append(means, "The status alone is believed: "+sentence(r.Alone))
		}
		p.row(r.words(), mono(told(verdict)), strings.Join(means, " "))
	}
}

// tells is what a live answer says of the key.
func (p *page) tells() {
	f := p.f
	identity := map[string]field{}
	for _, c := range p.p.classes {
		maps.Copy(identity, c.identity)
	}
	if len(identity) == 0 && f.Scopes == nil && f.Expiry == nil && f.Limits == nil {
		return
	}
	p.section("What it tells of the key")
	p.note("identity")
	p.table("field", "from", "")
	for _, name := range slices.Sorted(maps.Keys(identity)) {
		pinned := ""
		if identity[name].Pin {
			pinned = "pinned: a key for which it is another is held."
		}
		p.row(mono(name), identity[name].words(), pinned+after(p.remarks["identity/"+name]))
	}
	if f.Scopes != nil {
		p.row("scopes", f.Scopes.words(), "what the key may do."+after(p.remarks["scopes"]))
	}
	if f.Expiry != nil {
		at := field{Header: f.Expiry.Header, Path: f.Expiry.Path, Fact: f.Expiry.Fact}
		p.row("expiry", at.words(), "when the key ends, written as "+cmp.Or(f.Expiry.As, "rfc3339")+"."+after(p.remarks["expiry"]))
	}
	if l := f.Limits; l != nil {
		p.row("limits", l.Limit.words()+", "+l.Remaining.words(), "how often the key may be used, and how often still."+after(p.remarks["limits"]))
	}
}

func (p *page) costs() {
	p.section("Cost and side effects")
	p.line("%s%s", sentence(p.f.Cost), after(p.remarks["cost"]))
	if p.f.OptIn != "" {
		p.line("Because of that it is asked only where the key's config says `opt_in: true`.")
	}
}
