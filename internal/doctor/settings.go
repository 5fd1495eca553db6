package doctor

import (
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// Settings are variables beside the key that decide what becomes of it. Of their values only
// hosts are kept, and the names of headers.
type Settings struct {
	BaseURLs []Pointed // that are set for this issuer, each with where it leads
	Clouds   []Pointed // that send Claude's clients to a cloud instead; Host is "" of a mere switch
	Beside   []string  // other credentials and names that are set
	Headers  []string  // that ANTHROPIC_CUSTOM_HEADERS sets
	Proxy    Pointed   // through which programs reach the issuer
}

// Pointed is a variable and the host in it.
type Pointed struct{ Variable, Host string }

// switches make Claude's clients ask a cloud. One that is "0" or "false" does not.
var switches = []string{"CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_USE_MANTLE", "CLAUDE_CODE_USE_ANTHROPIC_AWS"}

// cloudURLs name the address of a cloud, for its own client.
var cloudURLs = []string{"ANTHROPIC_BEDROCK_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL", "ANTHROPIC_FOUNDRY_BASE_URL", "ANTHROPIC_AWS_BASE_URL", "ANTHROPIC_BEDROCK_MANTLE_BASE_URL"}

const (
	apiKey        = "ANTHROPIC_API_KEY"       //nolint:gosec // the name of a variable
	authToken     = "ANTHROPIC_AUTH_TOKEN"    //nolint:gosec // the name of a variable
	oauthToken    = "CLAUDE_CODE_OAUTH_TOKEN" //nolint:gosec // the name of a variable
	customHeaders = "ANTHROPIC_CUSTOM_HEADERS"
)

// misnamed are what people call a variable whose right name is the one that clients read.
var misnamed = map[string][]string{
	apiKey:           {"CLAUDE_API_KEY", "CLAUDE_KEY", "ANTHROPIC_KEY", "ANTHROPIC_TOKEN", "ANTHROPIC_API_TOKEN", "ANTHROPIC_APIKEY", "ANTHROPIC_SECRET_KEY"},
	"OPENAI_API_KEY": {"OPENAI_KEY", "OPENAI_TOKEN", "OPENAI_API_TOKEN", "OPENAI_APIKEY", "OPENAI_SECRET_KEY", "CHATGPT_API_KEY"},
}

// proxies as curl, Go and Python read them. The lower case wins.
var proxies = []string{"https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"}

// endings turn a credential's variable into that of its address.
var endings = []string{"_BASE_URL", "_API_BASE", "_API_BASE_URL", "_API_URL", "_ENDPOINT", "_HOST", "_URL"}

// addresses are the variables that clients of an issuer read its address from: those that
// more names, and what the beginning of the key's variable makes.
func addresses(variable string, more []string) []string {
	stem := variable
	for _, end := range []string{"_API_KEY", "_AUTH_TOKEN", "_API_TOKEN", "_ACCESS_TOKEN", "_ADMIN_KEY", "_TOKEN", "_KEY"} {
		if s, ok := strings.CutSuffix(stem, end); ok && s != "" {
			stem = s
			break
		}
	}
	all := slices.Clone(more)
	if stem != variable {
		for _, end := range endings {
			all = append(all, stem+end)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// SettingNames are all variables that Around looks at. None of them is a credential but
// those of which it only asks whether they are set.
func SettingNames(variable string, more []string) (plain, credentials []string) {
	plain = slices.Concat(switches, cloudURLs, addresses(variable, more), proxies)
	return plain, append(besides(variable), customHeaders) // a header may be a credential
}

// besides are other variables that matter if they are set.
func besides(variable string) []string {
	return slices.DeleteFunc(slices.Concat([]string{apiKey, authToken, oauthToken}, misnamed[variable]), func(name string) bool { return name == variable })
}

// Around reads the variables around a key. get is "" for one that is not set, and may give
// anything else for a credential that is. hosts are where the issuer is.
func Around(variable string, more, hosts []string, get func(name string) string) Settings {
	var s Settings
	for _, name := range addresses(variable, more) {
		if h := hostOf(get(name)); h != "" {
			s.BaseURLs = append(s.BaseURLs, Pointed{name, h})
		}
	}
	for _, name := range switches {
		switch strings.ToLower(get(name)) {
		case "", "0", "false", "no", "off":
		default:
			s.Clouds = append(s.Clouds, Pointed{Variable: name})
		}
	}
	for _, name := range cloudURLs {
		if h := hostOf(get(name)); h != "" {
			s.Clouds = append(s.Clouds, Pointed{name, h})
		}
	}
	for _, name := range besides(variable) {
		if get(name) != "" {
			s.Beside = append(s.Beside, name)
		}
	}
	for line := range strings.Lines(get(customHeaders)) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			s.Headers = append(s.Headers, strings.ToLower(strings.TrimSpace(name)))
		}
	}
	s.Proxy = proxyFor(hosts, get)
	return s
}

// proxyFor is the proxy that programs take to the first of hosts.
func proxyFor(hosts []string, get func(string) string) Pointed {
	first := func(names ...string) (variable, value string) {
		for _, name := range names {
			if v := get(name); v != "" {
				return name, v
			}
		}
		return "", ""
	}
	variable, proxy := first("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
	_, none := first("no_proxy", "NO_PROXY")
	plain, plainProxy := first("http_proxy", "HTTP_PROXY")
	for _, host := range hosts {
		u, err := url.Parse(host)
		if err != nil || u.Host == "" {
			continue
		}
		if u.Scheme == "http" {
			variable, proxy = plain, plainProxy
		}
		c := httpproxy.Config{HTTPProxy: plainProxy, HTTPSProxy: proxy, NoProxy: none}
		if at, err := c.ProxyFunc()(u); err == nil && at != nil {
			return Pointed{variable, at.Host}
		}
	}
	return Pointed{}
}

// hostOf is the host of an address, without what may be a secret in it.
func hostOf(address string) string {
	if address == "" {
		return ""
	}
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" {
		return "(no address)"
	}
	return strings.ToLower(u.Host)
}
