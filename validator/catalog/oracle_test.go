package catalog

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/validator"
)

// oracle is a provider's file as a plain tree, and what may make a key dead by it. It
// shares no code with the engine of the rules.
type oracle map[string]any

func readOracle(t testing.TB, text string) oracle {
	t.Helper()
	var o oracle
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// mayDie says whether some rule for this class of credential calls this answer dead and
// something in it is the issuer's own: a text of its body that the rule names, or
// everything that authentic_if asks for.
func (o oracle) mayDie(class string, status int, header http.Header, body string) bool {
	if status < 200 || status >= 300 && status < 400 || status >= 500 || status == 407 || status == 408 || status == 425 {
		return false
	}
	kind := strings.ToLower(header.Get("Content-Type"))
	if strings.HasPrefix(kind, "image/") {
		return false
	}
	page := strings.Contains(kind, "html")
	rules, confidence := list(o["rules"]), o["confidence"]
	for _, v := range list(o["variants"]) {
		if v["name"] == class {
			rules = append(list(v["rules"]), rules...)
			if v["confidence"] != nil {
				confidence = v["confidence"]
			}
		}
	}
	var authentic []map[string]any
	authentic = append(authentic, list(o["authentic_if"])...)
	return slices.ContainsFunc(rules, func(r map[string]any) bool {
		if r["outcome"] != "dead" || r["confidence"] == "low" || confidence == "low" || !among(r["status"], strconv.Itoa(status)) {
			return false
		}
		said := slices.Concat(list(r["and"]), []map[string]any{r})
		for _, c := range said {
			if !holds(c, header, body) {
				return false
			}
		}
		if r["body_is"] != nil { // a word is no page, whatever it is called
			return among(r["body_is"], strings.TrimSpace(body))
		}
		if page {
			return false
		}
		inBody := r["body_contains"] != nil
		if inBody && !slices.ContainsFunc(words(r["body_contains"]), func(w string) bool { return strings.Contains(body, w) }) {
			return false
		}
		inBody = inBody || slices.ContainsFunc(said, func(c map[string]any) bool { return c["path"] != nil && c["exists"] != false })
		return inBody || len(authentic) > 0 && !slices.ContainsFunc(authentic, func(c map[string]any) bool { return !holds(c, header, body) })
	})
}

// holds says whether what a condition looks at may be what it wants.
func holds(c map[string]any, header http.Header, body string) bool {
	var got []string
	switch {
	case c["header"] != nil:
		got = header.Values(fmt.Sprint(c["header"]))
	case c["path"] != nil:
		got = walk(body, fmt.Sprint(c["path"]))
	default:
		return true
	}
	if c["exists"] != nil {
		return (len(got) > 0) == (c["exists"] == true)
	}
	return slices.ContainsFunc(got, func(s string) bool {
		switch {
		case c["equals"] != nil:
			want := fmt.Sprint(c["equals"])
			a, errA := strconv.ParseFloat(s, 64)
			b, errB := strconv.ParseFloat(want, 64)
			return s == want || errA == nil && errB == nil && a == b
		case c["one_of"] != nil:
			return among(c["one_of"], s)
		case c["contains"] != nil:
			return strings.Contains(s, fmt.Sprint(c["contains"]))
		case c["prefix"] != nil:
			return strings.HasPrefix(s, fmt.Sprint(c["prefix"]))
		}
		n, err := strconv.ParseFloat(s, 64)
		most, _ := strconv.ParseFloat(fmt.Sprint(c["at_most"]), 64)
		return err == nil && n <= most
	})
}

// walk is everything that is not null where a path leads, as text. Of XML it is each
// text that stands in an element of the last name.
func walk(body, path string) []string {
	steps := strings.Split(path, "/")[1:]
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	var tree any
	if d.Decode(&tree) != nil || !json.Valid([]byte(body)) {
		return elements(body, steps[len(steps)-1])
	}
	at := []any{tree}
	for _, step := range steps {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		var next []any
		for _, v := range at {
			switch v := v.(type) {
			case map[string]any:
				next = append(next, v[step])
			case []any:
				if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(v) {
					next = append(next, v[i])
				} else if step == "*" {
					next = append(next, v...)
				}
			}
		}
		at = next
	}
	var got []string
	for _, v := range at {
		if v != nil {
			got = append(got, fmt.Sprint(v))
		}
	}
	return got
}

func elements(body, name string) []string {
	var got []string
	for _, piece := range strings.Split(body, "<"+name)[1:] {
		_, text, _ := strings.Cut(piece, ">")
		text, _, _ = strings.Cut(text, "</"+name)
		got = append(got, strings.TrimSpace(text))
	}
	return got
}

func list(v any) []map[string]any {
	var all []map[string]any
	items, _ := v.([]any)
	for _, item := range items {
		switch item := item.(type) {
		case map[string]any:
			all = append(all, item)
		case oracle:
			all = append(all, item)
		}
	}
	return all
}

func words(v any) []string {
	var all []string
	items, _ := v.([]any)
	for _, item := range items {
		all = append(all, fmt.Sprint(item))
	}
	return all
}

func among(v any, s string) bool { return slices.Contains(words(v), s) }

// The oracle is only worth something if it lets a real refusal pass.
func TestTheOracleKnowsRefusals(t *testing.T) {
	for id, c := range corpora(t) {
		text, err := os.ReadFile("providers/" + id + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		o := readOracle(t, string(text))
		p := lookedUp(t, id)
		for _, s := range c.Answers {
			if s.Status == 0 {
				continue
			}
			if class := s.class(t, p); strings.HasPrefix(s.Want, "dead/") && !o.mayDie(class.name, s.Status, s.header(), s.Body) {
				t.Errorf("%s, %s: is %s, and the oracle sees no mark", id, s.Name, s.Want)
			}
		}
	}
}

// judged is a class of a provider, beside what may kill a key of it.
type judged struct {
	class  *class
	oracle oracle
}

func judgedClasses(t testing.TB) []judged {
	t.Helper()
	c := Builtin()
	gateway := gatewayFile(t)
	if err := c.Add("gateway", "gateway.yaml", gateway); err != nil {
		t.Fatal(err)
	}
	var all []judged
	for _, id := range c.IDs() {
		p, err := c.Lookup(id)
		if err != nil {
			t.Fatal(err)
		}
		text := gateway
		if id != "gateway" {
			if text, err = os.ReadFile("providers/" + id + ".yaml"); err != nil {
				t.Fatal(err)
			}
		}
		o := readOracle(t, string(text))
		for _, class := range p.classes {
			if class.request != nil {
				all = append(all, judged{class, o})
			}
		}
	}
	return all
}

// Whatever comes back, judging it does not panic, and calls a key dead only where the
// oracle finds the issuer's mark.
func FuzzAnswers(f *testing.F) {
	for _, status := range []int{200, 204, 302, 400, 401, 403, 404, 429, 503, 529} {
		f.Add(status, "Retry-After: 3\nrequest-id: req_1", anthropicError("authentication_error", "invalid x-api-key"))
		f.Add(status, "Content-Type: text/html", "<html>")
		f.Add(status, "", `{"error":{"type":"x","code":"invalid_api_key"}}`)
		f.Add(status, "", `{"data":[{"type":"model"}],"object":"list"}`)
	}
	for _, c := range corpora(f) {
		for _, s := range c.Answers {
			var lines strings.Builder
			for name, value := range s.Headers {
				lines.WriteString(name + ": " + value + "\n")
			}
			f.Add(s.Status, lines.String(), s.Body)
		}
	}
	f.Add(401, "", `{"error":[[[[{"type":"authentication_error"}]]]]}`)
	all := judgedClasses(f)
	f.Fuzz(func(t *testing.T, status int, header, body string) {
		h := headers(header)
		a := newAnswer(status, h, []byte(body))
		for _, j := range all {
			got := j.class.judge(a, now)
			for _, v := range []validator.Answer{got, j.class.judgeControl(a, now)} {
				if v.Verdict.RetryAfter < 0 || v.Verdict.RetryAfter > httpclient.MaxRetryAfter {
					t.Fatalf("Retry-After of %s", v.Verdict.RetryAfter)
				}
			}
			v := got.Settle()
			if v.Detail == "" || v.Reason == "" {
				t.Fatalf("%s, %s: %s without a reason or a sentence", j.class.provider.ID(), j.class.name, told(v))
			}
			if v.Outcome == key.Dead && !j.oracle.mayDie(j.class.name, status, h, body) {
				t.Fatalf("%s, %s: dead by status %d without the issuer's mark", j.class.provider.ID(), j.class.name, status)
			}
		}
	})
}
