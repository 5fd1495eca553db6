package exec

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/command"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
)

func answer(text string) command.Result { return command.Result{Output: secret.New([]byte(text))} }

func TestResponses(t *testing.T) {
	day := time.Date(2026, 11, 23, 22, 25, 16, 0, time.UTC)
	for _, c := range []struct {
		rule, text string
		want       sources.Record
		value      string
	}{
		{"a value", `{"apiVersion":"livekey.dev/v1","value":"a\u00e9\ud83d\udd11\n"}`, sources.Record{}, "aé🔑\n"},
		{"bytes", ` {"valueBase64":"AP8=","apiVersion":"livekey.dev/v1"}` + "\n", sources.Record{}, "\x00\xff"},
		{
			"all there is", `{"apiVersion":"livekey.dev/v1","value":"v","version":"v-7","createdAt":"2026-11-23T23:25:16+01:00","expiresAt":"2026-11-23T22:25:16Z"}`,
			sources.Record{Version: "v-7", Created: day, Expires: day},
			"v",
		},
		{"null is left out", `{"apiVersion":"livekey.dev/v1","value":"v","version":null,"error":null}`, sources.Record{}, "v"},
	} {
		got, err := respond(answer(c.text), "")
		if err != nil || string(got.Data.Reveal()) != c.value {
			t.Errorf("%s: err %v", c.rule, err)
		}
		got.Data = secret.Value{}
		if got.Version != c.want.Version || !got.Created.Equal(c.want.Created) || !got.Expires.Equal(c.want.Expires) {
			t.Errorf("%s: got %+v", c.rule, got)
		}
	}
}

func TestErrorsOfTheProgram(t *testing.T) {
	fails := func(fields string) string { return `{"apiVersion":"livekey.dev/v1","error":` + fields + `}` }
	for _, c := range []struct {
		rule, text, want string
		notFound         bool
		after            time.Duration
	}{
		{"not_found is not there", fails(`{"code":"not_found","message":"no item of this name"}`), "no item of this name", true, 0},
		{"other codes are not", fails(`{"code":"denied","message":"sign in first"}`), "sign in first: denied", false, 0},
		{"a message is scrubbed", fails(`{"code":"denied","message":"no use for ` + canary + `"}`), "no use for ***", false, 0},
		{"so is a code", fails(`{"code":"` + canary + `"}`), "***", false, 0},
		{"a wait is kept", `{"apiVersion":"livekey.dev/v1","retryAfter":90,"error":{"code":"rate_limited"}}`, "rate_limited", false, 90 * time.Second},
		{"within a quarter of an hour", `{"apiVersion":"livekey.dev/v1","retryAfter":86400,"error":{"code":"rate_limited"}}`, "rate_limited", false, 15 * time.Minute},
	} {
		_, err := respond(answer(c.text), "")
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), canary[3:11]) || errors.Is(err, key.ErrNotFound) != c.notFound {
			t.Errorf("%s: err %v", c.rule, err)
		}
		later, waits := errors.AsType[*sources.RetryError](err)
		if waits != (c.after > 0) || waits && later.After != c.after {
			t.Errorf("%s: waits %v", c.rule, later)
		}
	}
}

func TestWhatIsNoResponse(t *testing.T) {
	for text, want := range map[string]string{
		``:                 "not one JSON object",
		`"` + canary + `"`: "not one JSON object",
		`{"apiVersion":"livekey.dev/v1","value":"` + canary:                                        "not one JSON object",
		`{"apiVersion":"livekey.dev/v1","value":"` + canary + `"} more`:                            "not one JSON object",
		`{"value":"` + canary + `"}`:                                                               "apiVersion",
		`{"apiVersion":"livekey.dev/v2","value":"` + canary + `"}`:                                 "not livekey.dev/v1",
		`{"apiVersion":"livekey.dev/v1"}`:                                                          "neither a value nor an error",
		`{"apiVersion":"livekey.dev/v1","value":null}`:                                             "neither a value nor an error",
		`{"apiVersion":"livekey.dev/v1","value":123456789012345}`:                                  "value: it is not a string",
		`{"apiVersion":"livekey.dev/v1","Value":"` + canary + `"}`:                                 "not in the protocol",
		`{"apiVersion":"livekey.dev/v1","` + canary + `":"x"}`:                                     "not in the protocol",
		`{"apiVersion":"livekey.dev/v1","value":"a","value":"` + canary + `"}`:                     "a field twice",
		`{"apiVersion":"livekey.dev/v1","value":"a","valueBase64":"YQ=="}`:                         "exclude each other",
		`{"apiVersion":"livekey.dev/v1","value":"` + canary + `","error":{"code":"x"}}`:            "exclude each other",
		`{"apiVersion":"livekey.dev/v1","valueBase64":"` + canary + `"}`:                           "not base64",
		`{"apiVersion":"livekey.dev/v1","value":"` + canary + `\ud800"}`:                           "surrogate",
		`{"apiVersion":"livekey.dev/v1","value":"\udd11\ud83d"}`:                                   "surrogate",
		`{"apiVersion":"livekey.dev/v1","value":"` + canary + "\xff" + `"}`:                        "not UTF-8",
		`{"apiVersion":"livekey.dev/v1","value":"` + canary + `","version":"` + canary + `"}`:      "the value is in it",
		`{"apiVersion":"livekey.dev/v1","value":"a","version":"` + strings.Repeat("v", 257) + `"}`: "longer than 256",
		`{"apiVersion":"livekey.dev/v1","value":"a","version":"a\u001b[31m"}`:                      "cannot be shown",
		`{"apiVersion":"livekey.dev/v1","value":"a","createdAt":"` + canary + `"}`:                 "not a time",
		`{"apiVersion":"livekey.dev/v1","value":"a","retryAfter":-1}`:                              "not a number of seconds",
		`{"apiVersion":"livekey.dev/v1","error":{}}`:                                               "code is missing",
		`{"apiVersion":"livekey.dev/v1","error":{"code":"x","` + canary + `":1}}`:                  "not in the protocol",
		`{"apiVersion":"livekey.dev/v1","error":"` + canary + `"}`:                                 "not one JSON object",
	} {
		_, err := respond(answer(text), "")
		if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, key.ErrNotFound) {
			t.Errorf("%s: err %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), canary[3:11]) {
			t.Errorf("%s: the error quotes it: %v", text, err)
		}
	}
}

func TestAVersionThatWasNotAskedForIsRefused(t *testing.T) {
	const seven = `{"apiVersion":"livekey.dev/v1","value":"a","version":"7"}`
	if got, err := respond(answer(seven), "7"); err != nil || got.Version != "7" {
		t.Errorf("err %v", err)
	}
	for _, text := range []string{seven, `{"apiVersion":"livekey.dev/v1","value":"a"}`} {
		if _, err := respond(answer(text), "6"); err == nil || !strings.Contains(err.Error(), "another one") {
			t.Errorf("%s for version 6: err %v", text, err)
		}
	}
	if _, err := respond(answer(`{"apiVersion":"livekey.dev/v1","value":""}`), ""); !errors.Is(err, key.ErrNotFound) {
		t.Errorf("an empty value: err %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"apiVersion":"livekey.dev/v1","value":"a\ud83d\udd11","version":"7","createdAt":"2026-11-23T22:25:16Z"}`))
	f.Add([]byte(`{"apiVersion":"livekey.dev/v1","error":{"code":"not_found","message":"x"},"retryAfter":3}`))
	f.Add([]byte(`{"apiVersion":"livekey.dev/v1","value":"\ud83d\\udd11"}`))
	f.Add([]byte(`{"apiVersion":"livekey.dev/v1","valueBase64":"AP8="}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parse(text)
		if err != nil {
			return
		}
		if r.found == (r.code != "") {
			t.Fatal("both or neither of value and error")
		}
		var plain struct{ Value *string }
		if json.Unmarshal(text, &plain) != nil {
			t.Fatal("taken, and no JSON")
		}
		if plain.Value != nil && r.found && *plain.Value != string(r.value.Reveal()) {
			t.Fatal("another value than it says")
		}
		if strings.Count(string(r.value.Reveal()), "\ufffd") > strings.Count(string(text), "\ufffd")+strings.Count(strings.ToLower(string(text)), `\ufffd`) && plain.Value != nil {
			t.Fatal("a character was replaced")
		}
	})
}
