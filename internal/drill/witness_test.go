package drill

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/ui"
)

func TestReaderJudgesEveryContentItSaw(t *testing.T) {
	t.Parallel()
	allowed, refusedValues := map[string]bool{oldV: true, newV: true, team: true}, map[string]bool{"candidate": true}
	whole := "# written by livekey\n" + mainKey + "=" + newV + "\n" + otherKey + "=" + team + "\n"
	for _, tc := range []struct {
		rule, content string
		promise       string // broken by it; "" : none
	}{
		{"a whole file is good", whole, ""},
		{"quotes are the dialect's", strings.Replace(whole, "="+newV, `="`+newV+`"`, 1), ""},
		{"a file that ends in the middle", strings.TrimSuffix(whole, "\n"), "P6"},
		{"an empty file", "", "P6"},
		{"a file without its last variable", mainKey + "=" + newV + "\n", "P6"},
		{"a value of old and new", strings.Replace(whole, newV, oldV[:6]+newV[6:], 1), "P6"},
		{"a line that is no assignment", whole + "garbage\n", "P6"},
		{"a refused value", strings.Replace(whole, newV, "candidate", 1), "P1"},
	} {
		r := newReader("", "", []string{mainKey, otherKey})
		r.note(map[string]bool{}, "env file", tc.content, nil)
		claims := r.verdict(allowed, refusedValues)
		if tc.promise == "" && !allKept(claims) || tc.promise != "" && !breaks(claims, tc.promise) {
			t.Errorf("%s: %+v", tc.rule, claims)
		}
	}
}

func TestReaderMissesASinkOnlyAfterItWasThere(t *testing.T) {
	t.Parallel()
	r, there := newReader("", "", []string{mainKey}), map[string]bool{}
	r.note(there, "env file", "", os.ErrNotExist)
	r.note(there, "env file", mainKey+"="+newV+"\n", nil)
	if claims := r.verdict(map[string]bool{newV: true}, nil); !allKept(claims) {
		t.Errorf("before the first delivery nothing is missed: %+v", claims)
	}
	r.note(there, "env file", "", os.ErrNotExist)
	if claims := r.verdict(map[string]bool{newV: true}, nil); !breaks(claims, "P6") {
		t.Errorf("a sink that vanished is missed: %+v", claims)
	}
}

func TestReaderThatReadNothingProvesNothing(t *testing.T) {
	t.Parallel()
	if claims := newReader("", "", nil).verdict(nil, nil); allKept(claims) {
		t.Errorf("%+v", claims)
	}
}

func TestReaderReadsADirectoryAsOneGeneration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := newReader(filepath.Join(dir, "app.env"), dir, []string{mainKey, otherKey})
	if env, files := r.look(); env != nil || files != nil {
		t.Fatal("something is seen where nothing is")
	}
	for i, v := range []string{oldV, newV} {
		generation := filepath.Join(dir, "..gen"+v)
		check(t, os.Mkdir(generation, 0o700))
		check(t, os.WriteFile(filepath.Join(generation, mainKey), []byte(v), 0o600))
		check(t, os.WriteFile(filepath.Join(generation, otherKey), []byte(team), 0o600))
		check(t, os.Symlink(filepath.Base(generation), filepath.Join(dir, "..new")))
		check(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
		if _, files := r.look(); files[mainKey] != v || files[otherKey] != team {
			t.Errorf("generation %d is not what is seen", i)
		}
	}
}

func TestReceiverTakesOnlyWhatIsSigned(t *testing.T) {
	t.Parallel()
	secret := base64.StdEncoding.EncodeToString(random(32))
	r, err := newReceiver(t.Context(), "whsec_"+secret)
	check(t, err)
	defer r.close()
	if allKept(r.verdict()) {
		t.Error("a receiver that got nothing proves nothing")
	}
	body, err := json.Marshal(alert(alerts.Opened, "a1", key.KeyDead))
	check(t, err)
	post := func(signWith string) int {
		t.Helper()
		hook, err := standardwebhooks.NewWebhook(signWith)
		check(t, err)
		at := time.Now()
		signature, err := hook.Sign("msg_1", at, body)
		check(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url, bytes.NewReader(body))
		check(t, err)
		req.Header.Set(standardwebhooks.HeaderWebhookID, "msg_1")
		req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
		req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
		resp, err := http.DefaultClient.Do(req)
		check(t, err)
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if got := post(secret); got != http.StatusNoContent {
		t.Fatalf("a signed webhook is answered with %d", got)
	}
	if got := r.received(); len(got) != 1 || got[0].Data.ID != "a1" || !allKept(r.verdict()) {
		t.Errorf("a signed webhook was not taken: %+v", got)
	}
	if got := post(base64.StdEncoding.EncodeToString(random(32))); got != http.StatusBadRequest {
		t.Errorf("a webhook with a wrong signature is answered with %d", got)
	}
	if len(r.received()) != 1 || !breaks(r.verdict(), "P4") {
		t.Error("a webhook with a wrong signature was taken")
	}
	if len(r.sent()) != 2 {
		t.Error("the canary must see also what was refused")
	}
}

func TestIssuerJudgesItsCalls(t *testing.T) {
	t.Parallel()
	known := fakeissuer.NewAnthropicKey()
	probe := func(method, path, value string) *http.Request {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1"+path, nil)
		check(t, err)
		req.Header.Set("X-Api-Key", value)
		return req
	}
	for _, tc := range []struct {
		rule     string
		requests []*http.Request
		promise  string // broken by them; "": none
	}{
		{"a free call for each delivered value", []*http.Request{probe("GET", "/v1/models?limit=1", known)}, ""},
		{"no call at all", nil, "P10"},
		{"a delivered value that was never asked about", []*http.Request{probe("GET", "/v1/models?limit=1", "other")}, "P1"},
		{"a call that costs", []*http.Request{probe("GET", "/v1/models", known), probe("GET", "/v1/messages", known)}, "P10"},
		{"a call that could change something", []*http.Request{probe("GET", "/v1/models", known), probe("POST", "/v1/models", known)}, "P10"},
	} {
		i, err := newIssuer(t.Context())
		check(t, err)
		for _, r := range tc.requests {
			i.ServeHTTP(httptest.NewRecorder(), r)
		}
		claims := i.verdict(map[string]bool{known: true})
		if tc.promise == "" && !allKept(claims) || tc.promise != "" && !breaks(claims, tc.promise) {
			t.Errorf("%s: %+v", tc.rule, claims)
		}
		i.close()
	}
}

func TestCanaryFindsAValueWhereverItIs(t *testing.T) {
	t.Parallel()
	value := fakeissuer.NewAnthropicKey()
	for _, tc := range []struct {
		rule, content string
		found         bool
	}{
		{"a fingerprint is no value", oldV, false},
		{"the public prefix is no value", value[:13], false},
		{"the whole value", "x-api-key: " + value, true},
		{"a value cut in half", value[:len(value)*2/3], true},
		{"a value in base64", base64.StdEncoding.EncodeToString([]byte(value)), true},
	} {
		dir := t.TempDir()
		check(t, os.MkdirAll(filepath.Join(dir, "sinks"), 0o700))
		check(t, os.WriteFile(filepath.Join(dir, "sinks", "app.env"), []byte(value), 0o600))
		check(t, os.WriteFile(filepath.Join(dir, "journal.jsonl"), []byte(tc.content), 0o600))
		c := newCanary([]string{value})
		check(t, c.searchTree(dir, "sinks"))
		if got := breaks(c.verdict(), "P7"); got != tc.found {
			t.Errorf("%s: found is %t", tc.rule, got)
		}
	}
	if c := newCanary([]string{value}); allKept(c.verdict()) {
		t.Error("a canary that searched nothing proves nothing")
	}
}

func TestASummaryIsAsGoodAsItsWorstClaim(t *testing.T) {
	t.Parallel()
	table := sum([]Step{
		{Name: "one", Claims: []Claim{{"P1", true, "fine"}, {"P2", true, "fine"}}},
		{Name: "two", Claims: []Claim{{"P1", false, "a dead key was delivered"}}},
		{Name: "three", Claims: []Claim{{"P1", true, "fine again"}}},
	})
	if len(table) != len(titles) {
		t.Fatalf("%d promises in the table", len(table))
	}
	if p := table[0]; p.Result != broken || p.Seen != 3 || p.Broken != "two: a dead key was delivered" {
		t.Errorf("P1: %+v", p)
	}
	if p := table[1]; p.Result != kept || p.Seen != 1 {
		t.Errorf("P2: %+v", p)
	}
	if p := table[2]; p.Result != unseen {
		t.Errorf("P3: %+v", p)
	}
}

func TestOutputFits80Columns(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a promise that was not kept ", 8)
	r := Report{Steps: []Step{{Name: "step", Claims: []Claim{{"P10", false, long}}}}}
	r.Promises = sum(r.Steps)
	var out bytes.Buffer
	p := printer{ui: ui.Printer{Out: &out}}
	p.start("/dev/shm/livekey-drill-0123456789")
	p.step(r.Steps[0])
	check(t, p.end(r))
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > width {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colors without a terminal")
	}
	if !strings.Contains(out.String(), "0 of 10 promises kept") {
		t.Errorf("no sum:\n%s", out.String())
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{false, true} {
		p := printer{ui: ui.Printer{Out: fullDisk{}}, json: asJSON}
		p.step(Step{Name: "step"})
		if p.end(Report{}) == nil {
			t.Errorf("json %t: no error", asJSON)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Of an app the issuer knows which key it uses, and does not count it as livekey's call.
func TestIssuerKnowsItsApps(t *testing.T) {
	t.Parallel()
	i, err := newIssuer(t.Context())
	check(t, err)
	defer i.close()
	value := fakeissuer.NewAnthropicKey()
	i.Add(value, ours)
	call := func() int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/v1/messages", nil)
		check(t, err)
		req.Header.Set("X-Api-Key", value)
		req.Header.Set("User-Agent", appAgent+"one/4711")
		answer := httptest.NewRecorder()
		i.ServeHTTP(answer, req)
		return answer.Code
	}
	if code := call(); code != http.StatusOK || i.used()["one"] != (use{4711, value, false}) {
		t.Errorf("answered with %d, known as %+v", code, i.used())
	}
	i.Revoke(value)
	if code := call(); code != http.StatusUnauthorized || !i.used()["one"].refused {
		t.Errorf("a revoked key is answered with %d", code)
	}
	if i.Total() != 0 || i.Calls(value) != 0 || i.costly != "" {
		t.Error("an app's calls count as livekey's")
	}
}
