package catalog

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator/checkertest"
)

// edited is the gateway's file with some texts replaced, in pairs.
func edited(t *testing.T, pairs ...string) *Provider {
	t.Helper()
	text := string(gatewayFile(t))
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the file has no %q", pairs[i])
		}
	}
	p, err := parse("gateway.yaml", strings.NewReplacer(pairs...).Replace(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPointersLead(t *testing.T) {
	const body = `{"a":{"b":"one","/":"slash","~":"tilde","*":"star","n":null},"list":[{"x":"1"},{"y":2},{"x":"3"},null],"deep":[[{"x":true}]]}`
	for pointer, want := range map[string]string{
		"/a/b":        "one",
		"/a/~1":       "slash",
		"/a/~0":       "tilde",
		"/a/*":        "star", // a field of this name, in what is no list
		"/a/n":        "",     // null is nothing
		"/a/c":        "",
		"/a/b/c":      "",
		"/list/0/x":   "1",
		"/list/9/x":   "",
		"/list/-1/x":  "",
		"/list/*/x":   "1, 3",
		"/list/*/y":   "2",
		"/list/*/z":   "",
		"/deep/*/*/x": "true",
		"/deep":       "", // a list of objects has no text
	} {
		t.Run(pointer, func(t *testing.T) {
			v := newAnswer(200, http.Header{}, []byte(body)).json
			if got := textOf(lookup(v, pointer)); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestConditions(t *testing.T) {
	zero, yes, no := 0.0, true, false
	for name, c := range map[string]struct {
		is   condition
		body string
		want bool
	}{
		"at most: equal":                  {condition{Path: "/n", AtMost: &zero}, `{"n":0}`, true},
		"at most: below":                  {condition{Path: "/n", AtMost: &zero}, `{"n":-0.5}`, true},
		"at most: above":                  {condition{Path: "/n", AtMost: &zero}, `{"n":0.01}`, false},
		"at most: no number":              {condition{Path: "/n", AtMost: &zero}, `{"n":"0"}`, false},
		"at most: null":                   {condition{Path: "/n", AtMost: &zero}, `{"n":null}`, false},
		"equals a number":                 {condition{Path: "/n", Equals: int64(401)}, `{"n":401}`, true},
		"equals another number":           {condition{Path: "/n", Equals: int64(401)}, `{"n":402}`, false},
		"a number is no text":             {condition{Path: "/n", Equals: "401"}, `{"n":401}`, false},
		"one element of a list is enough": {condition{Path: "/l/*/r", Equals: "B"}, `{"l":[{"r":"A"},{"r":"B"}]}`, true},
		"no element of a list":            {condition{Path: "/l/*/r", Equals: "C"}, `{"l":[{"r":"A"},{"r":"B"}]}`, false},
		"a list that is empty":            {condition{Path: "/l/*/r", Exists: &yes}, `{"l":[]}`, false},
		"nothing there":                   {condition{Path: "/l/*/r", Exists: &no}, `{"l":[{"q":"A"}]}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.is.holds(newAnswer(200, http.Header{}, []byte(c.body))); got != c.want {
				t.Errorf("holds: %t", got)
			}
		})
	}
}

// A number that a file compares with is read from YAML as well as it is compared.
func TestNumbersInAFile(t *testing.T) {
	p := edited(t, "equals: true, outcome: live, reason: valid", "equals: 7, outcome: live, reason: valid")
	v := p.classes[0].judge(newAnswer(200, http.Header{}, []byte(`{"token":{"active":7}}`)), now).Verdict
	if v.Outcome != key.Live {
		t.Errorf("got %s: %s", told(v), v.Detail)
	}
}

func TestAllOfAnAndMustHold(t *testing.T) {
	p := edited(t, "equals: true, outcome: live", "equals: true, and: [{path: /token/team, equals: a}, {header: X-Gateway, exists: true}], outcome: live")
	gateway := http.Header{"X-Gateway": {"1"}}
	for name, c := range map[string]struct {
		header http.Header
		body   string
		want   key.Outcome
	}{
		"all":          {gateway, `{"token":{"active":true,"team":"a"}}`, key.Live},
		"no header":    {http.Header{}, `{"token":{"active":true,"team":"a"}}`, key.Unknown},
		"another team": {gateway, `{"token":{"active":true,"team":"b"}}`, key.Unknown},
		"not active":   {gateway, `{"token":{"active":false,"team":"a"}}`, key.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			if v := p.classes[0].judge(newAnswer(200, c.header, []byte(c.body)), now).Verdict; v.Outcome != c.want {
				t.Errorf("got %s: %s", told(v), v.Detail)
			}
		})
	}
}

// A field of the body that stands under `and` is the issuer's mark as any other.
func TestAndMarksARefusal(t *testing.T) {
	bare := edited(t).classes[0].judge(newAnswer(401, http.Header{}, []byte(`{"by":"gateway"}`)), now)
	p := edited(t, "{status: [401], outcome: dead", "{status: [401], header: X-Gateway, exists: true, and: [{path: /by, equals: gateway}], outcome: dead")
	marked := p.classes[0].judge(newAnswer(401, http.Header{"X-Gateway": {"1"}}, []byte(`{"by":"gateway"}`)), now)
	if bare.Marked || !marked.Marked || !marked.Verdict.Rejected() {
		t.Errorf("marked: %t without, %t with: %s", bare.Marked, marked.Marked, told(marked.Verdict))
	}
}

func TestFieldsOfAnIdentity(t *testing.T) {
	const body = `{"text":"no rights on account 'acct_1A' (acct_2B)","n":12345678901,"yes":true,"list":["a","b",3],"id":9007199254740993,"objects":[{"n":"x"},{"n":"y"}]}`
	for name, c := range map[string]struct {
		field field
		want  string
	}{
		"its own text":             {field{Is: "live"}, "live"},
		"a header":                 {field{Header: "x-scopes"}, "read write"},
		"a part of a text":         {field{Path: "/text", Match: "acct_[A-Za-z0-9]+"}, "acct_1A"},
		"a part that is not there": {field{Path: "/text", Match: "proj_[a-z]+"}, ""},
		"a part of a header":       {field{Header: "x-scopes", Match: "^[a-z]+"}, "read"},
		"a large number":           {field{Path: "/n"}, "12345678901"},
		"every digit of a number":  {field{Path: "/id"}, "9007199254740993"},
		"a truth":                  {field{Path: "/yes"}, "true"},
		"a list":                   {field{Path: "/list"}, "a, b, 3"},
		"a field of each element":  {field{Path: "/objects/*/n"}, "x, y"},
		"an object":                {field{Path: "/objects"}, ""},
		"nothing":                  {field{Path: "/nothing"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAnswer(200, http.Header{"X-Scopes": {"read write"}}, []byte(body))
			if got := c.field.read(a); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestDates(t *testing.T) {
	noon := time.Date(2027, 3, 1, 12, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		as, text string
		want     time.Time
	}{
		{"rfc3339", "2027-03-01T12:30:00Z", noon},
		{"rfc3339", "2027-03-01T13:30:00.000+01:00", noon},
		{"unix", "1803904200", noon},
		{"http", "Mon, 01 Mar 2027 12:30:00 GMT", noon},
		{"datetime", "2027-03-01 12:30:00 UTC", noon},
		{"datetime", "2027-03-01 04:30:00 -0800", noon},
		{"datetime", "2027-03-01 12:30:00 PST", time.Time{}}, // a name says no offset
		{"datetime", "2027-03-01 12:30:00", time.Time{}},
		{"date", "2027-03-01", noon.Truncate(24 * time.Hour)},
		{"date", "01.03.2027", time.Time{}},
		{"date", "", time.Time{}},
	} {
		t.Run(c.as+" "+c.text, func(t *testing.T) {
			p := edited(t, "as: unix", "as: "+c.as, "{path: /token/expires", "{header: X-Expires")
			got := p.expiresAt(newAnswer(200, http.Header{"X-Expires": {c.text}}, nil))
			if !got.Equal(c.want) || !got.IsZero() && got.Location() != time.UTC {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestMadeUpCharacters(t *testing.T) {
	for text, letters := range map[string]string{
		"{{random 99}}":        alnum + "-_",
		"{{random 99 alnum}}":  alnum,
		"{{random 99 hex}}":    "0123456789abcdef",
		"{{random 99 digits}}": "0123456789",
	} {
		tmpl, err := parseTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := tmpl.madeUp(); len(got) != 99 || strings.Trim(got, letters) != "" {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// What is never sent is told as its file says, and only a value that can be no key
// of this issuer counts as dead.
func TestWhatIsNeverSent(t *testing.T) {
	for reason, want := range map[string]string{
		"":                            "unknown/unsupported",
		", reason: unsupported":       "unknown/unsupported",
		", reason: wrong_auth_method": "unknown/wrong_auth_method",
		", reason: malformed":         "dead/malformed",
	} {
		p := edited(t, "rules:\n", "variants:\n  - {name: other, prefix: gw-other-, probe_policy: never, detail: because"+reason+"}\nrules:\n")
		v := p.class(secret.New([]byte("gw-other-1")), nil).never
		if v == nil || told(*v) != want || v.Detail != "because" || v.Rejected() {
			t.Errorf("%q: got %+v, want %s", reason, v, want)
		}
		if got := p.Info().NeverSent; len(got) != 1 || got[0] != "other" {
			t.Errorf("never sent: %q", got)
		}
	}
}

// An issuer that refuses under a 200 refuses a made-up credential there too.
func TestControlUnderA200(t *testing.T) {
	p, err := Builtin().Lookup("slack")
	if err != nil {
		t.Fatal(err)
	}
	class := p.class(secret.New([]byte("xoxb-1")), nil)
	for body, want := range map[string]string{
		`{"ok":false,"error":"invalid_auth"}`:      "dead/invalid",
		`{"ok":false,"error":"internal_error"}`:    "unknown/transient",
		`{"ok":true,"url":"https://a.slack.com/"}`: "unknown/intercepted",
		`{"status":"ok"}`:                          "unknown/intercepted",
	} {
		a := class.judgeControl(newAnswer(200, http.Header{}, []byte(body)), now)
		if told(a.Verdict) != want || a.Verdict.Rejected() != a.Marked {
			t.Errorf("%s: got %s, marked %t", body, told(a.Verdict), a.Marked)
		}
	}
}

// An identity goes to terminals, tables and chats.
func TestAnIdentityIsFitToBeShown(t *testing.T) {
	p := edited(t)
	for rule, c := range map[string]struct{ said, want string }{
		"a name":                          {"Zoë & Söhne", "Zoë & Söhne"},
		"a sequence for terminals":        {"a\u009b31mb", ""},
		"text that runs the other way":    {"a\u202eb", ""},
		"a line's end of other alphabets": {"a\u2028b", ""},
		"no UTF-8":                        {"a\xffb", ""},
	} {
		if got := p.clean(c.said, checkertest.Material("sk-0123456789"), longestField); got != c.want {
			t.Errorf("%s: %q is shown as %q, want %q", rule, c.said, got, c.want)
		}
	}
}

// What fills a segment of a path is no step of one: the call would be another, whose
// answer proves nothing.
func TestNoValueLeadsToAnotherCall(t *testing.T) {
	u, err := parseTemplate("/v1/keys/{{value}}/usage?of={{value}}")
	if err != nil {
		t.Fatal(err)
	}
	c := &call{method: http.MethodGet, url: u, parts: []string{"value"}}
	for value, want := range map[string]string{
		".": "", "..": "",
		"../../admin": "https://issuer.example/v1/keys/..%2F..%2Fadmin/usage?of=..%2F..%2Fadmin",
		"a?b#c%2f":    "https://issuer.example/v1/keys/a%3Fb%23c%252f/usage?of=a%3Fb%23c%252f",
		"...":         "https://issuer.example/v1/keys/.../usage?of=...",
	} {
		req, err := c.build(t.Context(), "https://issuer.example", filling{values: func(key.Part) []byte { return []byte(value) }})
		got := ""
		if err == nil {
			got = req.URL.String()
		}
		if got != want {
			t.Errorf("%q asks %q, want %q", value, got, want)
		}
	}
}
