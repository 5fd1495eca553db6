package catalog

import (
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
)

// file is a provider as its author writes it. Placeholders: {{value}}, or the
// name of another part, is a secret; {{name}} a parameter, or something derived from a
// part; {{base_url}} where the issuer is; {{basic USER:PASS}} both in base64.
type file struct {
	ID          string           `yaml:"id"`
	Name        string           `yaml:"name"`
	Overrides   bool             `yaml:"overrides"` // a file of the user's that takes the place of a built-in one says so
	Recognize   recognize        `yaml:"recognize"`
	Form        string           `yaml:"form"`     // how a value is linted: token (default), text, pem, json
	Parts       []string         `yaml:"parts"`    // secret parts, ["value"] if left out
	Optional    []string         `yaml:"optional"` // those of them that not every key has
	Public      []string         `yaml:"public"`   // those of them that are no secret, such as the id of an account, and may name a host
	BaseURL     string           `yaml:"base_url"` // https://host[/path], with placeholders in DNS labels; own: each key's config says it
	Params      map[string]param `yaml:"params"`
	Request     *request         `yaml:"request"`
	Control     string           `yaml:"control"` // a made-up value: literal text and {{random N}}
	Variants    []variant        `yaml:"variants"`
	Rules       []rule           `yaml:"rules"`        // the first that matches wins
	AuthenticIf []condition      `yaml:"authentic_if"` // all of them: then an answer is the issuer's own
	Identity    map[string]field `yaml:"identity"`
	Scopes      *field           `yaml:"scopes"` // what the key may do; kept as the identity field of this name
	Expiry      *expiry          `yaml:"expiry"`
	Limits      *limits          `yaml:"limits"` // of this key, not of an address
	Cost        string           `yaml:"cost"`
	ProbePolicy string           `yaml:"probe_policy"` // "", never, opt-in, or offline: nobody is asked, what can be known is decoded
	OptIn       string           `yaml:"opt_in"`       // what asking costs, so that it is done only where the config says so
	Confidence  string           `yaml:"confidence"`   // high, medium, low
	Evidence    []string         `yaml:"evidence"`

	// Elsewhere says where else a good key of this issuer may live, which is refused
	// here in the words for a bad one: it counts as refused only where the config says base_url.
	Elsewhere string             `yaml:"elsewhere"`
	Derived   map[string]derived `yaml:"derived"` // pieces of a part that say where it is asked about
	Decode    string             `yaml:"decode"`  // code that reads the value before it is sent; its facts are for `fact:`
	Before    []rule             `yaml:"before"`  // rules about the facts: where one holds, nothing is sent
	Speak     string             `yaml:"speak"`   // code that asks in another protocol than HTTP, in place of request

	node config.Node
}

type recognize struct {
	Variables []string `yaml:"variables"` // exact names
	Shared    []string `yaml:"shared"`    // names that other issuers use too: the value's prefix decides
	BaseURL   []string `yaml:"base_url"`  // variables that say where the issuer is, beside a key in an environment
	Prefix    []string `yaml:"prefix"`    // only those that no other issuer uses
	Shape     string   `yaml:"shape"`     // regular expression of the whole value, of the first of several; it only ever speaks against a key
	// Parts is which part each variable has, where there are several.
	Parts map[string]string `yaml:"parts"`
	// Beside is the same of variables that are other providers', as of a key that is
	// proved alone there and as a part here.
	Beside map[string]string `yaml:"beside"`
}

type param struct {
	Default  string `yaml:"default"`
	Help     string `yaml:"help"`
	Required bool   `yaml:"required"`
	// Elsewhere is that of the file, for keys whose config does not say this parameter.
	Elsewhere string   `yaml:"elsewhere"`
	Variables []string `yaml:"variables"` // that say it, beside a key in an environment
	// OneOf are its only values. As the file fixes them, they may be several DNS labels
	// of the host.
	OneOf []string `yaml:"one_of"`
}

// derived is a piece of a part: what the group of a regular expression finds in it.
type derived struct {
	Part  string `yaml:"part"`
	Match string `yaml:"match"`
}

type request struct {
	Method  string            `yaml:"method"`
	URL     string            `yaml:"url"`     // begins with {{base_url}}
	Headers map[string]string `yaml:"headers"` // one whose placeholders are all empty is not sent
	Body    string            `yaml:"body"`    // what fills it is escaped as its Content-Type, JSON or a form, asks
	// ValueInURL says why the issuer takes no header; only then may a part stand
	// in the URL, where proxies and servers log it.
	ValueInURL string `yaml:"value_in_url"`
	// Sign names code that signs the request with the parts, for an issuer that
	// takes no value in a header: "by" is its name, the rest what it is told.
	Sign map[string]string `yaml:"sign"`

	node config.Node
}

// variant is one class of credential of an issuer, told by its prefix or by a parameter
// without which it is asked about in another way. What it leaves out is the file's; its rules come before the file's.
type variant struct {
	Name        string           `yaml:"name"`
	Prefix      string           `yaml:"prefix"`
	Without     string           `yaml:"without"` // a parameter: of keys whose config does not say it
	Shape       string           `yaml:"shape"`
	Request     *request         `yaml:"request"`
	Control     string           `yaml:"control"`
	Rules       []rule           `yaml:"rules"`
	Identity    map[string]field `yaml:"identity"`
	ProbePolicy string           `yaml:"probe_policy"` // "", never or opt-in
	OptIn       string           `yaml:"opt_in"`
	Requires    []string         `yaml:"requires"` // optional parts that this class needs
	Here        bool             `yaml:"here"`     // its prefix tells where it lives: a refusal is one, whatever the file says of elsewhere
	Confidence  string           `yaml:"confidence"`
	Reason      key.Reason       `yaml:"reason"` // of one that is never probed: unsupported (default), wrong_auth_method, malformed
	Detail      string           `yaml:"detail"` // why it is never probed

	node config.Node
}

type rule struct {
	Status       []int `yaml:"status"`
	condition    `yaml:",inline"`
	And          []condition `yaml:"and"`           // each of them too
	BodyContains []string    `yaml:"body_contains"` // one of them is enough
	BodyIs       []string    `yaml:"body_is"`       // likewise, of an issuer that answers with one word: nothing else is in the body
	Alone        string      `yaml:"alone"`         // why a status alone is believed, of an issuer that says live with nothing else

	Outcome    key.Outcome `yaml:"outcome"`
	Reason     key.Reason  `yaml:"reason"`
	Which      string      `yaml:"which"`
	Confidence string      `yaml:"confidence"` // low: common knowledge that no source confirmed
	Detail     string      `yaml:"detail"`     // one sentence for a person

	node config.Node
}

// condition looks at one header, one field of the JSON body, or one fact that code
// decoded from the value.
type condition struct {
	Header   string   `yaml:"header"`
	Path     string   `yaml:"path"` // JSON pointer; * is every element of a list, of which one is enough
	Fact     string   `yaml:"fact"` // likewise
	Equals   any      `yaml:"equals"`
	OneOf    []string `yaml:"one_of"`
	Contains string   `yaml:"contains"`
	Prefix   string   `yaml:"prefix"`
	AtMost   *float64 `yaml:"at_most"` // of a number
	Exists   *bool    `yaml:"exists"`
}

// field is where a live answer tells something: a header, a JSON pointer, one into the
// facts, or nowhere, because every key of the class has it.
type field struct {
	Is     string `yaml:"is"` // the text itself
	Header string `yaml:"header"`
	Path   string `yaml:"path"`
	Fact   string `yaml:"fact"`
	Match  string `yaml:"match"` // regular expression: what is inside the text
	Pin    bool   `yaml:"pin"`   // tells one owner from another
}

type expiry struct {
	Header string `yaml:"header"`
	Path   string `yaml:"path"`
	Fact   string `yaml:"fact"`
	As     string `yaml:"as"` // rfc3339 (default), unix (seconds), http (a header's date), date, datetime, seconds (from now)
}

// limits are where an answer tells how often a key may be used.
type limits struct {
	Limit     field  `yaml:"limit"`
	Remaining field  `yaml:"remaining"`
	Reset     expiry `yaml:"reset"`
}

// decode reads a provider's file: every fault at once, each in its place.
func decode(name, text string) (*file, error) {
	node, err := config.Parse(name, "", text)
	if err != nil {
		return nil, err
	}
	f := &file{node: node}
	if err := node.Decode(f); err != nil {
		return nil, err
	}
	var found faults
	f.check(&found)
	return f, found.err()
}

// UnmarshalConfig keeps where the request stands.
func (r *request) UnmarshalConfig(n config.Node) error {
	type plain request
	r.node = n
	return n.Decode((*plain)(r))
}

// UnmarshalConfig keeps where the variant stands.
func (v *variant) UnmarshalConfig(n config.Node) error {
	type plain variant
	v.node = n
	return n.Decode((*plain)(v))
}

// UnmarshalConfig keeps where the rule stands.
func (r *rule) UnmarshalConfig(n config.Node) error {
	type plain rule
	r.node = n
	return n.Decode((*plain)(r))
}

// faults collects what is wrong with a file.
type faults []error

func (fs *faults) add(in config.Node, field, format string, args ...any) {
	*fs = append(*fs, in.Fault(field, format, args...))
}

func (fs *faults) err() error { return config.Join(*fs...) }
