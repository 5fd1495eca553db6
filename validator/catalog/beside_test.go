package catalog

import (
	"testing"

	"github.com/livekey/livekey/internal/key"
)

// A key that is proved alone by one provider may be a part of another's: the variables
// say which is meant.
func TestAKeyAloneAndAsAPart(t *testing.T) {
	c := Builtin()
	for want, variables := range map[string][]string{
		"datadog-api": {"DD_API_KEY"},
		"datadog-app": {"DD_API_KEY", "DD_APP_KEY"},
	} {
		if id, err := c.Resolve(variables); id != want || err != nil {
			t.Errorf("%q: %s, %v; want %s", variables, id, err, want)
		}
	}
	if id, err := c.Resolve([]string{"DD_API_KEY", "SENDGRID_API_KEY"}); err == nil {
		t.Errorf("keys of two issuers are one of %s", id)
	}
	p, err := c.Lookup("datadog-app")
	if err != nil {
		t.Fatal(err)
	}
	if part, ok := p.PartOf("DD_API_KEY"); part != "api_key" || !ok {
		t.Errorf("DD_API_KEY is the part %q", part)
	}
	err = p.CheckParts([]key.Part{"app_key"})
	if want := "part api_key is missing: its keys are proved with all parts together, as in env: {DD_APP_KEY: app_key, DATADOG_API_KEY: api_key}"; err == nil || err.Error() != want {
		t.Errorf("a part alone: %v", err)
	}
}
