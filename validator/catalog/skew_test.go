package catalog

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestARefusalSaysHowFarTheClocksDiffer(t *testing.T) {
	p := lookedUp(t, "github")
	const bad = `{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}`
	for name, c := range map[string]struct {
		by      time.Duration
		headers map[string]string
		want    string
	}{
		"behind":                      {17 * time.Minute, nil, "is 17m0s behind"},
		"ahead":                       {-time.Hour, nil, "is 1h0m0s ahead"},
		"a minute is none":            {time.Minute, nil, ""},
		"a date that a cache kept":    {-time.Hour, map[string]string{"Age": "3600"}, ""},
		"a date that nobody can read": {0, map[string]string{"Date": "yesterday"}, ""},
	} {
		s := said{Value: "ghp_{{random 36 alnum}}", Status: 401, Body: bad, Headers: map[string]string{
			"Date": time.Now().Add(c.by).UTC().Format(http.TimeFormat), "X-GitHub-Media-Type": "github.v3",
		}}
		maps.Copy(s.Headers, c.headers)
		v := checked(t, p, &s)
		if says := strings.Contains(v.Detail, "the clock of this machine"); says != (c.want != "") || !strings.Contains(v.Detail, c.want) {
			t.Errorf("%s: %q", name, v.Detail)
		}
	}
}
