package catalog

import (
	"net/http"
	"strings"
	"testing"
)

// A parameter whose values the file fixes may be the end of a host: no config leads elsewhere.
func TestOnlyTheValuesOfTheFileNameAHost(t *testing.T) {
	p := parsed(t, shop, "https://{{app}}-dsn.shop.example.com", "https://api.{{zone}}",
		"zone: {default: a,", "zone: {default: shop.example, one_of: [shop.example, eu.shop.example],")
	good := &said{Status: 200, Body: `{"shop":1}`}
	for zone, want := range map[string]string{"": "api.shop.example", "eu.shop.example": "api.eu.shop.example"} {
		var s Settings
		if zone != "" {
			s.With = map[string]string{"zone": zone}
		}
		if _, req := asks(t, p, s, shopKey("k-us1", "app"), good); req == nil || req.URL.Host != want {
			t.Errorf("zone %q: asked %v, want %s", zone, req, want)
		}
	}
	_, err := p.Checker(Settings{Client: http.DefaultClient, With: map[string]string{"zone": "evil.example"}})
	if err == nil || !strings.HasPrefix(err.Error(), "with.zone:") || !strings.Contains(err.Error(), "eu.shop.example") {
		t.Errorf("another value: %v", err)
	}
	if got := p.Info().Params[0].OneOf; len(got) != 2 {
		t.Errorf("people are told %q", got)
	}
}
