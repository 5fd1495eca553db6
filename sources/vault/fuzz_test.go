package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

// FuzzPayload: whatever comes as the answer to a read, the result is a whole record
// or an error that quotes nothing of it.
func FuzzPayload(f *testing.F) {
	const canary = "7fQ2xLw9ZtR4"
	for _, body := range []string{
		`{"data":{"data":{"k":"7fQ2xLw9ZtR4"},"metadata":{"created_time":"2026-11-23T22:37:24.457038606Z","deletion_time":"","destroyed":false,"version":7}}}`,
		`{"data":{"data":{"k":"v"},"metadata":{"created_time":"2026-11-23T22:37:24Z","deletion_time":"2026-11-23T23:37:24Z","destroyed":false,"version":1}}}`,
		`{"data":{"data":null,"metadata":{"created_time":"2026-11-23T22:37:24Z","deletion_time":"2026-11-23T22:37:25Z","destroyed":true,"version":1}}}`,
		`{"data":{"data":"7fQ2xLw9ZtR4","metadata":{"version":1}}}`,
		`{"data":{"data":{"k":1e999},"metadata":{"version":99999999999999999999}}}`,
		`{"data":{"data":{},"metadata":{"version":1,"created_time":"7fQ2xLw9ZtR4"}}}`,
		`{"errors":[]}`,
		`{"errors":["no handler for route \"7fQ2xLw9ZtR4/data/x\". route entry not found."]}`,
		`{"errors":["permission denied"]}`,
		`{"errors":["Vault is sealed"]}`,
		`{"initialized":true,"sealed":false,"standby":true}`,
		`<html>7fQ2xLw9ZtR4</html>`,
		`[[[[`,
		``,
	} {
		for _, status := range []int{200, 307, 400, 403, 404, 429, 473, 500, 503} {
			f.Add(status, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		at := location{mount: "secret", path: "a", kv: 2}
		a := answer{status: status, body: bytes.Clone(body)}
		r, err := a.record(at)
		if err != nil {
			if bytes.Contains(body, []byte(canary)) && bytes.Contains(fmt.Appendf(nil, "%v %#v", err, err), []byte(canary)) {
				t.Fatalf("the error quotes the answer: %v", err)
			}
			if errors.Is(err, key.ErrNotFound) && status != 404 {
				t.Fatalf("status %d is not found: %v", status, err)
			}
			if r.Data.Len() != 0 {
				t.Fatal("an error with a record")
			}
			return
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(r.Data.Reveal(), &object); err != nil || object == nil {
			t.Fatalf("the record is no JSON object: %v", err)
		}
		if !bytes.Contains(body, r.Data.Reveal()) {
			t.Fatal("the record is not as it came")
		}
		if status != 200 || r.Number < 1 || string(r.Version) != strconv.FormatInt(r.Number, 10) || (r.Previous == "") != (r.Number == 1) {
			t.Fatalf("status %d, version %q, number %d, previous %q", status, r.Version, r.Number, r.Previous)
		}
	})
}

// FuzzEngine: an answer about a mount gives a place for the secret inside what was
// asked, or an error that quotes nothing of it.
func FuzzEngine(f *testing.F) {
	const canary = "7fQ2xLw9ZtR4"
	for _, body := range []string{
		`{"data":{"path":"team/kv/","type":"kv","options":{"version":"2"}}}`,
		`{"data":{"path":"team/","type":"kv","options":null}}`,
		`{"data":{"path":"ns/team/kv/","type":"kv","options":{"version":"1"}}}`,
		`{"data":{"path":"team/kv/a/7fQ2xLw9ZtR4/","type":"7fQ2xLw9ZtR4"}}`,
		`{"data":{"path":"/","type":"kv"}}`,
		`{"data":{"path":"team/kv","type":"database","options":{"version":7}}}`,
		`{"errors":["preflight capability check returned 403 7fQ2xLw9ZtR4"]}`,
		`null`,
		`<html>`,
	} {
		for _, status := range []int{200, 307, 403, 404, 503} {
			f.Add(status, "ns", body)
		}
	}
	f.Fuzz(func(t *testing.T, status int, namespace, body string) {
		at := location{namespace: namespace, path: "team/kv/a"}
		e, err := answer{status: status, body: []byte(body)}.engine(at)
		if err != nil {
			if strings.Contains(fmt.Sprintf("%v %#v", err, err), canary) {
				t.Fatalf("the error quotes the answer: %v", err)
			}
			return
		}
		in, err := at.in(e)
		if err != nil || in.mount == "" || in.path == "" || in.whole() != at.path || in.kv != 1 && in.kv != 2 {
			t.Fatalf("%+v, err = %v", in, err)
		}
	})
}

// FuzzGrant: the answers to a login, a look-up and the two about a wrapping token
// give what a header can carry and a time that makes sense, or an error of ours.
func FuzzGrant(f *testing.F) {
	f.Add([]byte(`{"auth":{"client_token":"hvs.CAESIJ","lease_duration":3600,"renewable":true}}`))
	f.Add([]byte(`{"auth":{"client_token":"a b"}}`))
	f.Add([]byte(`{"auth":{"client_token":"a","lease_duration":9223372036854775807,"renewable":true}}`))
	f.Add([]byte(`{"auth":{"client_token":"","mfa_requirement":{}}}`))
	f.Add([]byte(`{"auth":null}`))
	f.Add([]byte(`{"auth":[7]}`))
	f.Add([]byte(`{"data":{"ttl":-1,"renewable":true}}`))
	f.Add([]byte(`{"data":{"creation_path":"auth/approle/role/x/secret-id"}}`))
	f.Add([]byte(`{"data":{"secret_id":"a b"}}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a := answer{status: 200, body: body}
		carried := func(v secret.Value, err error) {
			t.Helper()
			if err == nil && (v.Len() == 0 || bytes.ContainsAny(v.Reveal(), " \r\n\x00")) {
				t.Fatal("a credential that no header carries")
			}
			if err != nil && !errors.Is(err, ErrAnswer) && !errors.Is(err, ErrLogin) {
				t.Fatalf("err = %v", err)
			}
		}
		sensible := func(l lifetime) {
			t.Helper()
			if l.ttl < 0 || l.ttl > maxTTL || l.renewable && l.ttl == 0 {
				t.Fatalf("lifetime %+v", l)
			}
		}
		g, err := grantOf(a)
		carried(g.value, err)
		sensible(g.life)
		if life, err := lifetimeOf(a); err == nil {
			sensible(life)
		}
		carried(secretIDOf(a))
		if _, err := creationPathOf(a); err != nil && !errors.Is(err, ErrAnswer) {
			t.Fatalf("err = %v", err)
		}
	})
}
