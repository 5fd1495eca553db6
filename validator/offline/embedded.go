package offline

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/livekey/livekey/validator"
)

// Embedded reads the JSON that a token carries in base64 behind its prefix: of Sentry,
// sntrys_JSON_secret, whose organization and address are in it; of Grafana Cloud,
// glc_JSON, with the organization's number, a name and a region, and the secret itself,
// which is left where it is. A token that carries none tells nothing: that is no fault.
func Embedded(c validator.Coded) (map[string]any, error) {
	facts := map[string]any{}
	_, rest, _ := strings.Cut(c.Part("value"), "_")
	encoded, _, _ := strings.Cut(rest, "_") // standard base64 has no _
	plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil {
		return facts, nil
	}
	var told struct {
		Org       string `json:"org"`
		URL       string `json:"url"`
		RegionURL string `json:"region_url"`
		Number    string `json:"o"`
		Name      string `json:"n"`
		Meta      struct {
			Region string `json:"r"`
		} `json:"m"`
	}
	if err := json.Unmarshal(plain, &told); err != nil {
		return facts, nil
	}
	put(facts, "organization", told.Org)
	put(facts, "organization", told.Number)
	put(facts, "name", told.Name)
	put(facts, "region", told.Meta.Region)
	put(facts, "url", told.URL)
	put(facts, "region", told.RegionURL)
	return facts, nil
}
