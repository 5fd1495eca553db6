package vault

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
)

func TestRecord(t *testing.T) {
	const created = "2026-11-23T22:37:24.457038606Z"
	for _, test := range []struct {
		rule, body string
		version    int64
		want       string // in the error; "": a record
		data       string
		expires    time.Time
	}{
		{
			rule: "data stays as Vault spelled it",
			body: `{"data":{"data":{"b":"\u003c<&\u2028é","a":100000000000000000000,"a":1.50},"metadata":{"created_time":"` + created + `","version":7}}}`,
			data: `{"b":"\u003c<&\u2028é","a":100000000000000000000,"a":1.50}`,
		},
		{
			rule:    "a deletion to come is when the record expires",
			body:    `{"data":{"data":{},"metadata":{"created_time":"` + created + `","deletion_time":"2026-11-24T01:00:00+01:00","version":7}}}`,
			data:    `{}`,
			expires: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC),
		},
		{
			rule:    "an answer about another version is refused",
			body:    `{"data":{"data":{},"metadata":{"version":7}}}`,
			version: 6,
			want:    "asked for version 6, told version 7",
		},
		{
			rule: "a KV engine of version 1 is told apart",
			body: `{"data":{"k":"v"}}`,
			want: "is secret/ a KV engine of version 2?",
		},
		{
			rule: "data that is no object is refused",
			body: `{"data":{"data":["k"],"metadata":{"version":7}}}`,
			want: "no JSON object",
		},
		{
			rule: "no data is refused",
			body: `{"data":{"data":null,"metadata":{"version":7}}}`,
			want: "no JSON object",
		},
		{
			rule: "a second text behind the first is refused",
			body: `{"data":{"data":{},"metadata":{"version":7}}} {}`,
			want: "without Vault's JSON",
		},
	} {
		t.Run(test.rule, func(t *testing.T) {
			body := []byte(test.body)
			r, err := answer{status: 200, body: body}.record(location{mount: "secret", path: "a", kv: 2, version: test.version})
			if strings.Trim(string(body), "\x00") != "" {
				t.Error("the answer, which holds the secret, is not cleared")
			}
			if test.want != "" {
				if !errors.Is(err, ErrAnswer) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("err = %v, want %q", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := string(r.Data.Reveal()); got != test.data {
				t.Errorf("data = %s, want %s", got, test.data)
			}
			if r.Version != "7" || r.Number != 7 || r.Previous != "6" || r.Created.Format(time.RFC3339Nano) != created {
				t.Errorf("version %q, number %d, previous %q, created %s", r.Version, r.Number, r.Previous, r.Created)
			}
			if !r.Expires.Equal(test.expires) {
				t.Errorf("expires %s, want %s", r.Expires, test.expires)
			}
		})
	}
}

func TestRecordOfKVVersion1(t *testing.T) {
	for _, test := range []struct {
		rule, body string
		status     int
		want       error // nil: a record
		says       string
		data       string
	}{
		{rule: "data stays as Vault spelled it", status: 200, body: `{"lease_duration":2764800,"data":{"b":"<","a":1.50}}`, data: `{"b":"<","a":1.50}`},
		{
			rule: "what looks like version 2 is what was stored", status: 200,
			body: `{"data":{"data":{"k":"v"},"metadata":{"version":7}}}`, data: `{"data":{"k":"v"},"metadata":{"version":7}}`,
		},
		{rule: "data that is no object is refused", status: 200, body: `{"data":["k"]}`, want: ErrAnswer, says: "no JSON object"},
		{rule: "no data is refused", status: 200, body: `{"ok":true}`, want: ErrAnswer, says: "no JSON object"},
		{rule: "a secret that is not there", status: 404, body: `{"errors":[]}`, want: key.ErrNotFound, says: "KV version 1 engine at secret/"},
		{rule: "somebody else's 404", status: 404, body: `{"message":"no"}`, want: ErrAnswer},
		{
			rule: "an engine of version 2 says so", status: 404, want: ErrVersion, says: "version 2",
			body: `{"data":null,"warnings":["Invalid path for a versioned K/V secrets engine. See the API docs"]}`,
		},
	} {
		t.Run(test.rule, func(t *testing.T) {
			r, err := answer{status: test.status, body: []byte(test.body)}.record(location{mount: "secret", path: "a", kv: 1})
			if !errors.Is(err, test.want) || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Fatalf("err = %v, want %v and %q", err, test.want, test.says)
			}
			if test.want != nil {
				return
			}
			if got := string(r.Data.Reveal()); got != test.data {
				t.Errorf("data = %s, want %s", got, test.data)
			}
			if r.Version != "" || r.Number != 0 || r.Previous != "" || !r.Created.IsZero() {
				t.Errorf("version %q, number %d, previous %q, created %s: the engine knows none of them", r.Version, r.Number, r.Previous, r.Created)
			}
		})
	}
}
