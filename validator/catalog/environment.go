package catalog

import (
	"slices"
	"strings"
)

// FromEnvironment reads what the variables beside a key say of how its issuer is asked:
// its address, "" if none does, with https:// in front of a host alone, and parameters.
func (p *Provider) FromEnvironment(lookup func(variable string) string) (baseURL string, with map[string]string) {
	first := func(variables []string) string {
		for _, v := range variables {
			if text := lookup(v); text != "" {
				return text
			}
		}
		return ""
	}
	with = map[string]string{}
	for name, param := range p.file.Params {
		if text := first(param.Variables); text != "" {
			with[name] = text
		}
	}
	baseURL = first(p.file.Recognize.BaseURL)
	if baseURL != "" && !strings.Contains(baseURL, "://") {
		baseURL = "https://" + baseURL
	}
	return baseURL, with
}

// Known says whether a variable of this exact name has keys that a provider proves. Of
// a name that several issuers use, the prefix of the value decides which.
func (c *Catalog) Known(variable string) bool {
	for _, e := range c.entries {
		if slices.Contains(e.variables, variable) || slices.Contains(e.shared, variable) {
			return true
		}
	}
	return false
}
