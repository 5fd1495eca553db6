package doctor

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/key"
)

const anthropic = "anthropic"

// kind is what a class of credential is for, as its issuer's file calls it.
func kind(class string) string {
	class = strings.ToLower(class)
	for _, word := range []string{"refresh", "admin", "oauth"} {
		if strings.Contains(class, word) {
			return word
		}
	}
	return ""
}

// wants is the kind that programs expect in a variable, by its name.
func wants(variable string) (kinds []string, ok bool) {
	switch {
	case variable == authToken:
		return []string{"", "oauth"}, true // a gateway's own token too
	case variable == oauthToken:
		return []string{"oauth"}, true
	case strings.Contains(variable, "ADMIN"):
		return []string{"admin"}, true
	case strings.HasSuffix(variable, "_API_KEY"):
		return []string{""}, true
	}
	return nil, false
}

func wrongClass(e *Evidence) *sign {
	kinds, ok := wants(e.Variable)
	if e.Class == "" || !ok && kind(e.Class) != "refresh" || ok && slices.Contains(kinds, kind(e.Class)) {
		return nil
	}
	s := &sign{seen: fmt.Sprintf("%s in %s is of the kind %s", e.Variable, e.At, e.Class)}
	switch kind(e.Class) {
	case "oauth":
		s.fix, s.command = "programs send this variable as x-api-key, which no OAuth token is; put the token where it is sent as Authorization: Bearer",
			e.rewrite()
		if e.Place == Environment {
			s.command = "unset " + e.Variable + "; " + typeIn(authToken)
		}
	case "refresh":
		s.fix = "a refresh token only buys access tokens, and is never sent with a call: log in again, and store what comes out as the access token"
	case "admin":
		s.fix = "an admin key manages keys and members, and calls no model: make an API key in the console, and store that"
	default:
		s.fix = "store a credential of the kind that the variable is for"
	}
	if s.command == "" {
		s.command = e.rewrite()
	}
	return s
}

// clouds are hosts that serve Claude and know no key of Anthropic's.
var clouds = []struct{ name, ending string }{
	{"Bedrock", ".amazonaws.com"},
	{"Claude on AWS", ".api.aws"},
	{"Vertex", "aiplatform.googleapis.com"},
	{"Vertex", ".rep.googleapis.com"},
	{"Foundry", ".azure.com"},
}

func cloudOf(host string) string {
	if name, _, ok := strings.Cut(host, ":"); ok {
		host = name
	}
	for _, c := range clouds {
		if strings.HasSuffix(host, c.ending) {
			return c.name
		}
	}
	return ""
}

func cloudDeployment(e *Evidence) *sign {
	if e.Provider != anthropic {
		return nil
	}
	for _, p := range e.Settings.BaseURLs {
		if cloud := cloudOf(p.Host); cloud != "" {
			return &sign{
				seen: fmt.Sprintf("%s leads to %s (%s), which takes no key of Anthropic's", p.Variable, p.Host, cloud),
				fix:  "ask Anthropic with this key, or the cloud with its own credentials", command: e.unsetting(p.Variable),
			}
		}
	}
	if len(e.Settings.Clouds) == 0 {
		return nil
	}
	c := e.Settings.Clouds[0] // switches come first
	if c.Host != "" {
		return &sign{
			seen: fmt.Sprintf("%s is set, to %s: a client made for that cloud asks there, and takes no key of Anthropic's", c.Variable, c.Host),
			fix:  "unset it if this program is to ask Anthropic", command: e.unsetting(c.Variable), hint: true,
		}
	}
	return &sign{
		seen: fmt.Sprintf("%s is set: Claude Code and its SDK then ask that cloud with its own credentials, and %s is not used", c.Variable, e.Variable),
		fix:  "unset it to use this key, or give the cloud's credentials (AWS, gcloud, az)", command: e.unsetting(c.Variable),
	}
}

func twoCredentials(e *Evidence) *sign {
	if e.Provider != anthropic || !e.there() {
		return nil
	}
	other := map[string]string{apiKey: authToken, authToken: apiKey}[e.Variable]
	if other == "" || !slices.Contains(e.Settings.Beside, other) {
		return nil
	}
	return &sign{
		seen: fmt.Sprintf("%s has %s and %s: the SDKs send both, as x-api-key and as Authorization, and one of them is refused or wins unseen", e.At, apiKey, authToken),
		fix:  "keep the one that is meant", command: e.unsetting(other),
	}
}

// elsewhere are the base URLs that do not lead to a host of the issuer.
func (e *Evidence) elsewhere() (all []Pointed) {
	if len(e.Hosts) == 0 {
		return nil
	}
	for _, p := range e.Settings.BaseURLs {
		own := slices.ContainsFunc(e.Hosts, func(h string) bool {
			u, err := url.Parse(h)
			return err == nil && strings.EqualFold(u.Host, p.Host)
		})
		if !own && (e.Provider != anthropic || cloudOf(p.Host) == "") {
			all = append(all, p)
		}
	}
	return all
}

func baseURLElsewhere(e *Evidence) *sign {
	all := e.elsewhere()
	if len(all) == 0 {
		return nil
	}
	return &sign{
		seen: fmt.Sprintf("%s leads to %s, and the issuer of this key is asked at %s", all[0].Variable, all[0].Host, strings.Join(e.Hosts, ", ")),
		fix:  "unset it, or use the key that whoever answers there has given out", command: e.unsetting(all[0].Variable),
		hint: e.Verdict.Outcome == key.Dead,
	}
}

// misnamed is a variable that has a key under a name that no client reads.
func (e *Evidence) misnamed() string {
	if e.Set {
		return ""
	}
	for _, name := range misnamed[e.Variable] {
		if slices.Contains(e.Settings.Beside, name) {
			return name
		}
	}
	return ""
}

func headerMissing(e *Evidence) *sign {
	if name := e.misnamed(); name != "" {
		return &sign{
			seen: fmt.Sprintf("%s has %s, and clients read %s: without it they send no key at all", e.At, name, e.Variable),
			fix:  "set it under the name that is read", command: e.naming(e.Variable, name),
		}
	}
	for right, wrong := range misnamed {
		if e.there() && slices.Contains(wrong, e.Variable) && !slices.Contains(e.Settings.Beside, right) {
			return &sign{
				seen: fmt.Sprintf("%s has %s, and no %s, which is what clients read: unless the program hands it over, they send no key at all", e.At, e.Variable, right),
				fix:  "set it under the name that is read", command: e.naming(right, e.Variable), hint: true,
			}
		}
	}
	return nil
}

func wrongHeader(e *Evidence) *sign {
	for _, h := range e.Settings.Headers {
		if h == "x-api-key" || h == "authorization" {
			return &sign{
				seen: fmt.Sprintf("%s sets %s, which goes out instead of %s, or beside it", customHeaders, h, e.Variable),
				fix:  "take that line out of it", command: e.unsetting(customHeaders),
			}
		}
	}
	if e.Verdict.Reason != key.WrongAuthMethod {
		return nil
	}
	return &sign{
		seen: "the issuer does not take this credential in the header that it came in: " + e.Verdict.Detail,
		fix:  "send it as the request below does: x-api-key for an API key of Anthropic's, Authorization: Bearer for a token", command: e.Request,
	}
}

// regionOrHost: the issuer itself answered, in words that a good key of another place hears.
func regionOrHost(e *Evidence) *sign {
	if e.Verdict.HTTPStatus == 0 || e.Signs && e.Road.Skew.Abs() >= skewed {
		return nil
	}
	return e.setUp("say the region, site or address that the key belongs to, under with: or base_url: of the key")
}

// misconfigured: livekey has not what the call needs, such as the other parts of the key.
func misconfigured(e *Evidence) *sign {
	if e.Verdict.HTTPStatus != 0 || e.Provider == "" {
		return nil
	}
	return e.setUp("give what is missing: livekey providers says what a key of this issuer needs")
}

func (e *Evidence) setUp(fix string) *sign {
	if e.Verdict.Reason != key.Misconfigured {
		return nil
	}
	return &sign{seen: e.told(), fix: fix, command: "livekey providers " + e.Provider}
}
