package offline_test

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livekey/livekey/validator/offline"
)

func TestEmbedded(t *testing.T) {
	type facts = map[string]any
	padded, raw := base64.StdEncoding.EncodeToString, base64.RawStdEncoding.EncodeToString
	const (
		sentry  = `{"iat":1795690800.123,"url":"https://sentry.io","region_url":"https://us.sentry.io","org":"acme"}`
		grafana = `{"o":"123456","n":"acme-ci","k":"c2VjcmV0c2VjcmV0c2VjcmV0","m":{"r":"prod-eu-west-2"}}`
		secret  = "c2VjcmV0c2VjcmV0c2VjcmV0"
	)
	for name, c := range map[string]struct {
		value string
		want  facts
	}{
		"Sentry's of an organization": {
			"sntrys_" + padded([]byte(sentry)) + "_" + secret,
			facts{"organization": "acme", "url": "https://sentry.io", "region": "https://us.sentry.io"},
		},
		"Grafana Cloud's": {
			"glc_" + raw([]byte(grafana)), facts{"organization": "123456", "name": "acme-ci", "region": "prod-eu-west-2"},
		},
		"one that carries nothing":         {"sntryu_0123456789abcdef", facts{}},
		"one that is cut off":              {"glc_" + raw([]byte(grafana[:40])), facts{}},
		"fields of another type":           {"glc_" + raw([]byte(`{"o":[],"m":"x"}`)), facts{}},
		"base64 of something else":         {"glc_" + raw([]byte("not JSON at all")), facts{}},
		"nothing":                          {"", facts{}},
		"a prefix alone":                   {"glc_", facts{}},
		"JSON that says nothing of itself": {"glc_" + raw([]byte(`{}`)), facts{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := offline.Embedded(coded(map[string]string{"value": c.value}, nil))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			tellsNothing(t, got, secret)
		})
	}
}

func FuzzEmbedded(f *testing.F) {
	f.Add("glc_eyJvIjoiMSJ9")
	f.Add("sntrys_eyJvcmciOiJhIn0=_abc")
	f.Fuzz(func(t *testing.T, value string) {
		if _, err := offline.Embedded(coded(map[string]string{"value": value}, nil)); err != nil {
			t.Error("a token is malformed for what it does not tell")
		}
	})
}
