package catalog

import (
	"net/http"
	"testing"

	"github.com/livekey/livekey/internal/key"
)

// An issuer that answers with one word is known by the whole of it and by its header,
// whatever it calls the word; a page that has the word inside is a page.
func TestAWordIsTheWholeAnswer(t *testing.T) {
	p := edited(t, "rules:\n", "rules:\n  - {status: [400], header: X-Gateway, exists: true, body_is: [no_text], outcome: live, reason: valid}\n"+
		"  - {status: [404], header: X-Gateway, exists: true, body_is: [gone], outcome: dead, reason: invalid}\n")
	for _, c := range []struct {
		rule   string
		status int
		kind   string
		header string
		body   string
		want   string
	}{
		{"the word is enough", 400, "text/plain", "1", "no_text", "live/valid"},
		{"blanks around it are none of it", 400, "text/plain", "1", "no_text\n", "live/valid"},
		{"an issuer may call it HTML", 400, "text/html", "1", "no_text", "live/valid"},
		{"a refusal is marked by it", 404, "text/html", "1", "gone", "dead/invalid"},
		{"a page is no word", 400, "text/html", "1", "<p>no_text</p>", "unknown/intercepted"},
		{"a sentence is no word", 400, "text/plain", "1", "no_text was sent", "unknown/intercepted"},
		{"a word in JSON is no word", 400, "application/json", "1", `"no_text"`, "unknown/intercepted"},
		{"anybody may say a word", 400, "text/html", "", "no_text", "unknown/intercepted"},
		{"a redirect stays one", 302, "text/html", "1", "no_text", "unknown/intercepted"},
	} {
		h := http.Header{"Content-Type": {c.kind}}
		if c.header != "" {
			h.Set("X-Gateway", c.header)
		}
		if v := p.classes[0].judge(newAnswer(c.status, h, []byte(c.body)), now).Settle(); told(v) != c.want {
			t.Errorf("%s: %s, want %s: %s", c.rule, told(v), c.want, v.Detail)
		}
	}
}

// A made-up key that is told what a good one is told was let in, whatever the status.
func TestAMadeUpKeyIsLetInUnderAnyStatus(t *testing.T) {
	p := edited(t, "rules:\n", "rules:\n  - {status: [400], path: /error, equals: no text, outcome: live, reason: valid}\n")
	a := p.classes[0].judgeControl(newAnswer(400, http.Header{}, []byte(`{"error":"no text"}`)), now)
	if a.Verdict.Reason != key.Intercepted {
		t.Errorf("got %s: %s", told(a.Verdict), a.Verdict.Detail)
	}
}
