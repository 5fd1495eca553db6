package catalog

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
)

const (
	never   = "never" // probe_policy
	optIn   = "opt-in"
	offline = "offline"
	low     = "low" // confidence
	baseURL = "base_url"
)

var (
	idForm   = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

	headerName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
	oneWord    = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

	reasons = map[key.Outcome][]key.Reason{
		key.Live:    {key.Valid, key.LimitedScope, key.RateLimited, key.Blocked},
		key.Dead:    {key.Invalid, key.Expired, key.Revoked},
		key.Unknown: {key.Transient, key.Intercepted, key.Unauthenticated, key.WrongAuthMethod, key.Misconfigured, key.Unsupported},
	}
	unsentFor = []key.Reason{"", key.Unsupported, key.WrongAuthMethod, key.Malformed}
	blockedBy = []string{"no_credit", "spend_cap", "org_disabled", "needs_workspace"}

	// Headers that are the transport's, or would change who answers.
	notOurs = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Origin", "Proxy-Authorization", "User-Agent"}
)

// check finds what would make the file unsafe or useless. Nothing of this is left
// to whoever writes one.
func (f *file) check(fs *faults) {
	if !idForm.MatchString(f.ID) {
		fs.add(f.node, "id", "must be lower-case letters, digits and dashes, and begin with a letter")
	}
	oneOf(fs, f.node, "form", f.Form, "", "token", "text", "pem", "json")
	oneOf(fs, f.node, "probe_policy", f.ProbePolicy, "", never, optIn, offline)
	checkOptIn(fs, f.node, f.ProbePolicy, f.OptIn)
	oneOf(fs, f.node, "confidence", f.Confidence, "high", "medium", low)
	if len(f.Evidence) == 0 {
		fs.add(f.node, "evidence", "is missing: say where the rules come from")
	}
	checkShape(fs, f.node, "recognize.shape", f.Recognize.Shape)
	for _, p := range f.Recognize.Prefix {
		if len(p) < 3 {
			fs.add(f.node, "recognize.prefix", "a prefix this short belongs to more than one issuer")
		}
	}
	f.checkNames(fs)
	f.checkOneOf(fs)
	f.checkParts(fs)
	f.checkControl(fs, f.node, f.Control)
	f.checkIdentity(fs, f.node, f.Identity)
	f.checkTold(fs)
	f.checkRules(fs, f.Rules)
	f.checkDecoded(fs)
	for i := range f.AuthenticIf {
		f.AuthenticIf[i].check(fs, f.node, "authentic_if")
	}
	switch {
	case f.ProbePolicy == never:
		return
	case f.Speak != "" || f.ProbePolicy == offline:
		f.checkUnasked(fs)
		return
	}
	f.checkDerived(fs)
	f.checkElsewhere(fs)
	f.checkBase(fs)
	if f.Request == nil {
		fs.add(f.node, "request", "is missing")
	} else {
		f.checkRequest(fs, f.Request)
	}
	for i := range f.Variants {
		f.checkVariant(fs, &f.Variants[i])
	}
}

// checkTold keeps what a live answer tells beside its owner readable.
func (f *file) checkTold(fs *faults) {
	if f.Scopes != nil {
		checkField(fs, f.node, "scopes", *f.Scopes)
	}
	if f.Expiry != nil {
		f.Expiry.check(fs, f.node, "expiry")
	}
	if l := f.Limits; l != nil {
		checkField(fs, f.node, "limits.limit", l.Limit)
		checkField(fs, f.node, "limits.remaining", l.Remaining)
		if l.Reset != (expiry{}) {
			l.Reset.check(fs, f.node, "limits.reset")
		}
	}
}

func (e *expiry) check(fs *faults, in config.Node, name string) {
	checkField(fs, in, name, field{Header: e.Header, Path: e.Path, Fact: e.Fact})
	oneOf(fs, in, name+".as", e.As, slices.Sorted(maps.Keys(dates))...)
}

// checkOptIn wants the reason of a question that has to be asked for.
func checkOptIn(fs *faults, in config.Node, policy, why string) {
	if (policy == optIn) != (why != "") {
		fs.add(in, "opt_in", "says what asking costs, of probe_policy: opt-in and only of that")
	}
}

func (f *file) checkVariant(fs *faults, v *variant) {
	if v.Prefix == "" && v.Without == "" || v.Name == "" {
		fs.add(v.node, "", "a variant needs a name and the prefix that tells it from the others, or without: a parameter")
	}
	if _, ok := f.Params[v.Without]; v.Without != "" && !ok {
		fs.add(v.node, "without", "is the name of a parameter")
	}
	oneOf(fs, v.node, "probe_policy", v.ProbePolicy, "", never, optIn)
	checkOptIn(fs, v.node, v.ProbePolicy, v.OptIn)
	oneOf(fs, v.node, "confidence", v.Confidence, "", "high", "medium", low)
	checkShape(fs, v.node, "shape", v.Shape)
	f.checkControl(fs, v.node, v.Control)
	f.checkIdentity(fs, v.node, v.Identity)
	f.checkRules(fs, v.Rules)
	if v.Request != nil {
		f.checkRequest(fs, v.Request)
	}
	switch {
	case v.ProbePolicy != never && v.Reason != "":
		fs.add(v.node, "reason", "is for a credential that is never probed; rules say it of others")
	case v.ProbePolicy == never && v.Detail == "":
		fs.add(v.node, "detail", "is missing: say why this credential is never probed")
	case !slices.Contains(unsentFor, v.Reason):
		fs.add(v.node, "reason", "of a credential that is never probed is unsupported, wrong_auth_method or malformed")
	}
}

// checkNames keeps parts, parameters and {{base_url}} apart.
func (f *file) checkNames(fs *faults) {
	for _, part := range f.Parts {
		if !nameForm.MatchString(part) || part == baseURL {
			fs.add(f.node, "parts", "a part's name is lower-case letters, digits and _, and not base_url")
		}
	}
	for name := range f.Params {
		if !nameForm.MatchString(name) || name == baseURL || slices.Contains(f.parts(), name) {
			fs.add(f.node, "params."+name, "must be lower-case letters, digits and _, and the name of nothing else")
		}
	}
}

func (f *file) checkRequest(fs *faults, r *request) {
	oneOf(fs, r.node, "method", r.Method, "GET", "POST", "HEAD")
	f.checkSign(fs, r)
	sends := f.checkBody(fs, r) || len(r.Sign) > 0
	t, err := parseTemplate(r.URL)
	switch {
	case err != nil:
		fs.add(r.node, "url", "%v", err)
	case len(t) == 0 || t[0].name != baseURL || len(t) > 1 && !strings.HasPrefix(t[1].literal, "/"):
		fs.add(r.node, "url", "must begin with {{base_url}}/, which pins the host")
	default:
		for _, name := range t[1:].names() {
			if f.ofKey(name) {
				sends = true
				if r.ValueInURL == "" && !slices.Contains(f.Public, name) {
					fs.add(r.node, "url", "has the secret {{%s}}: use a header, or say in value_in_url why the issuer takes none", name)
				}
			} else if _, ok := f.Params[name]; !ok {
				fs.add(r.node, "url", "{{%s}} is neither a part nor a parameter", name)
			}
		}
	}
	for name, text := range r.Headers {
		if !headerName.MatchString(name) || slices.ContainsFunc(notOurs, func(h string) bool { return strings.EqualFold(h, name) }) {
			fs.add(r.node, "headers."+name, "is no header that a provider's file may set")
		}
		t, err := parseTemplate(text)
		if err != nil || !sendable(text) {
			fs.add(r.node, "headers."+name, "must be one line, with placeholders written {{name}}")
			continue
		}
		for _, p := range t.names() {
			sends = sends || f.ofKey(p)
			if f.ofKey(p) && f.ofLines() {
				fs.add(r.node, "headers."+name, "a value of form %s has line breaks, which no header carries: let code sign", f.Form)
			}
			if _, ok := f.Params[p]; !ok && !f.ofKey(p) {
				fs.add(r.node, "headers."+name, "{{%s}} is neither a part nor a parameter", p)
			}
		}
	}
	if err == nil && !sends {
		fs.add(r.node, "headers", "no header has {{value}}: this call would prove nothing")
	}
}

// checkBody says also whether the body carries a part.
func (f *file) checkBody(fs *faults, r *request) (sends bool) {
	t, err := parseTemplate(r.Body)
	if err != nil {
		fs.add(r.node, "body", "%v", err)
		return false
	}
	names := t.names()
	if len(names) == 0 {
		return false
	}
	escape := r.escape()
	if escape == nil {
		fs.add(r.node, "body", "has placeholders: say Content-Type: application/json or application/x-www-form-urlencoded in headers, so that they are escaped")
		return false
	}
	for _, name := range names {
		sends = sends || f.ofKey(name)
		if _, ok := f.Params[name]; !ok && !f.ofKey(name) {
			fs.add(r.node, "body", "{{%s}} is neither a part nor a parameter", name)
		}
	}
	// A word that is no JSON of its own shows whether each placeholder is in a text.
	const word = "x0label"
	if text, _ := t.render(func(string) string { return word }); escape(`"`) == `\"` && !json.Valid([]byte(text)) {
		fs.add(r.node, "body", "is no JSON, or has a placeholder outside of a text")
	}
	return sends
}

func (f *file) checkRules(fs *faults, rules []rule) {
	for i := range rules {
		r := &rules[i]
		switch {
		case f.Speak != "" && len(r.Status) > 0:
			fs.add(r.node, "status", "is HTTP's; the code %s speaks another protocol", f.Speak)
		case f.Speak == "" && len(r.Status) == 0:
			fs.add(r.node, "status", "is missing: every rule names the statuses it is about")
		}
		f.checkRule(fs, r)
		if r.Outcome == key.Live && len(r.BodyContains)+len(r.BodyIs) == 0 && r.condition.empty() && r.Alone == "" {
			fs.add(r.node, "outcome", "a status alone proves nothing live: name a field, a header or a text that only the issuer sends, or say in alone why none can be had")
		}
		if r.Alone != "" && (r.Outcome != key.Live || !r.condition.empty() || slices.Contains(r.Status, http.StatusOK)) {
			fs.add(r.node, "alone", "is for a live answer that has nothing but its status, and not 200, which portals send")
		}
		if r.Outcome == key.Dead && !r.namesBody() && slices.ContainsFunc(r.Status, func(s int) bool { return s < 400 }) {
			fs.add(r.node, "outcome", "a refusal under a status below 400 is known by a field or a text of the body alone")
		}
	}
}

// checkRule is what holds of every rule, whatever it is about.
func (f *file) checkRule(fs *faults, r *rule) {
	if !slices.Contains(reasons[r.Outcome], r.Reason) {
		fs.add(r.node, "reason", "is none of the reasons of outcome %s", r.Outcome)
	}
	if (r.Reason == key.Blocked) != slices.Contains(blockedBy, r.Which) {
		fs.add(r.node, "which", "says of blocked, and only of that, by what: %s", strings.Join(blockedBy, ", "))
	}
	oneOf(fs, r.node, "confidence", r.Confidence, "", low)
	if slices.Contains(r.BodyContains, "") {
		fs.add(r.node, "body_contains", "an empty text is in every body")
	}
	if slices.ContainsFunc(r.BodyIs, func(s string) bool { return !oneWord.MatchString(s) }) {
		fs.add(r.node, "body_is", "is one word each, of letters, digits, dashes and _: what is more may be a page")
	}
	if !r.condition.empty() || r.condition.operators() > 0 {
		r.condition.check(fs, r.node, "")
	}
	for i := range r.And {
		r.And[i].check(fs, r.node, "and")
	}
}

func (c *condition) check(fs *faults, in config.Node, field string) {
	if places(c.Header, c.Path, c.Fact) != 1 {
		fs.add(in, field, "a condition is about one header, one path or one fact")
	}
	if !pointer(c.Path) || !pointer(c.Fact) {
		fs.add(in, field, "path and fact are JSON pointers: /error/code")
	}
	if n := c.operators(); n != 1 {
		fs.add(in, field, "a condition has exactly one of equals, one_of, contains, prefix, at_most, exists")
	}
}

func (c *condition) operators() (n int) {
	for _, said := range []bool{c.Equals != nil, len(c.OneOf) > 0, c.Contains != "", c.Prefix != "", c.AtMost != nil, c.Exists != nil} {
		if said {
			n++
		}
	}
	return n
}

func (f *file) checkIdentity(fs *faults, in config.Node, fields map[string]field) {
	for name, at := range fields {
		checkField(fs, in, "identity."+name, at)
	}
}

func checkField(fs *faults, in config.Node, name string, at field) {
	if places(at.Is, at.Header, at.Path, at.Fact) != 1 || !pointer(at.Path) || !pointer(at.Fact) {
		fs.add(in, name, "is a header, a path or a fact, or a text of its own (is); path and fact are JSON pointers: /data/id")
	}
	checkShape(fs, in, name+".match", at.Match)
}

// places counts what is said of where something is.
func places(of ...string) (n int) {
	for _, place := range of {
		if place != "" {
			n++
		}
	}
	return n
}

func pointer(s string) bool { return s == "" || strings.HasPrefix(s, "/") }

func (f *file) checkControl(fs *faults, in config.Node, text string) {
	t, err := parseTemplate(text)
	if err != nil || !sendable(text) {
		fs.add(in, "control", "must be one line, with placeholders written {{random N}}")
	}
	random := 0
	for _, name := range t.names() {
		r, ok := readRandom(name)
		if !ok {
			fs.add(in, "control", "{{random N}} is the only placeholder here, N at most %d, of alnum, hex, digits or base32 if it says so", maxRandom)
		}
		random += r.length
	}
	if text != "" && random < 16 {
		fs.add(in, "control", "needs {{random 16}} or more: a made-up credential must be nobody's")
	}
}

func checkShape(fs *faults, in config.Node, field, shape string) {
	if _, err := regexp.Compile(shape); err != nil {
		fs.add(in, field, "is no regular expression that Go can read")
	}
}

func oneOf(fs *faults, in config.Node, field, word string, known ...string) {
	if !slices.Contains(known, word) {
		fs.add(in, field, "must be one of %s", strings.Join(slices.DeleteFunc(known, func(s string) bool { return s == "" }), ", "))
	}
}

func (f *file) parts() []string {
	if len(f.Parts) > 0 {
		return f.Parts
	}
	return []string{string(key.DefaultPart)}
}

func (f *file) isPart(name string) bool { return slices.Contains(f.parts(), name) }
