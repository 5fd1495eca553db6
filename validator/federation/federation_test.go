package federation

import (
	"io"
	"net/http"
	"testing"

	"github.com/livekey/livekey/validator"
)

func TestFieldsThatNobodyFilledAreNotSent(t *testing.T) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.anthropic.com/v1/oauth/token", nil)
	if err != nil {
		t.Fatal(err)
	}
	err = Sign(r, validator.Signing{
		Part: func(string) string { return `eyJ."quoted"` },
		With: map[string]string{"federation_rule_id": "fdrl_1", "service_account_id": ""},
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"assertion":"eyJ.\"quoted\"","federation_rule_id":"fdrl_1","grant_type":"urn:ietf:params:oauth:grant-type:jwt-bearer"}`
	if body, _ := io.ReadAll(r.Body); string(body) != want || r.ContentLength != int64(len(want)) {
		t.Errorf("%d bytes: %s", r.ContentLength, body)
	}
}
