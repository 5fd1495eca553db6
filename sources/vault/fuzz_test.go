package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/livekey/livekey/internal/key"
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
		at := location{mount: "secret", path: "a"}
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

// FuzzLogin: the same for the answer to a login.
func FuzzLogin(f *testing.F) {
	f.Add([]byte(`{"auth":{"client_token":"hvs.CAESIJ","lease_duration":3600,"renewable":true}}`))
	f.Add([]byte(`{"auth":{"client_token":"a b"}}`))
	f.Add([]byte(`{"auth":null}`))
	f.Add([]byte(`{"auth":[7]}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := tokenOf(answer{status: 200, body: body})
		if err == nil && (v.Len() == 0 || bytes.ContainsAny(v.Reveal(), " \r\n\x00")) {
			t.Fatal("a token that no header carries")
		}
		if err != nil && !errors.Is(err, ErrAnswer) {
			t.Fatalf("err = %v, want ErrAnswer", err)
		}
	})
}
