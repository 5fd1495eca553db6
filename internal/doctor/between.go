package doctor

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// inBetween: somebody answers in the issuer's place, or opens what is sealed. A proxy that
// is only set is worth a look: livekey goes past it, and the program does not.
func inBetween(e *Evidence) *sign {
	s := &sign{fix: "go past it, or have it let this host through", command: "curl -sv -o /dev/null " + e.host()}
	switch r := e.Verdict.Reason; {
	case e.Road.Unverified:
		s.seen = fmt.Sprintf("%s showed a certificate that nobody here trusts, signed by %s: a proxy that opens TLS", e.host(), cmp.Or(e.Road.CertIssuer, "nobody known"))
		s.fix = "trust its certificate where programs look (SSL_CERT_FILE, REQUESTS_CA_BUNDLE, NODE_EXTRA_CA_CERTS), or go past it"
	case e.Asked && (r == key.Intercepted || r == key.Unauthenticated):
		s.seen = e.told()
		if e.Road.CertIssuer != "" {
			s.seen += "; the certificate there is signed by " + e.Road.CertIssuer
		}
	case e.Settings.Proxy.Variable != "":
		p := e.Settings.Proxy
		s.seen = fmt.Sprintf("%s is set, so programs reach the issuer through %s, which livekey does not", p.Variable, p.Host)
		s.fix, s.command = "try without it", fmt.Sprintf("env -u %s -u %s PROGRAM", strings.ToLower(p.Variable), strings.ToUpper(p.Variable))
		s.hint = true
	default:
		return nil
	}
	return s
}

func (e *Evidence) host() string {
	if len(e.Hosts) == 0 {
		return ""
	}
	return e.Hosts[0]
}

// skewed is how wrong a clock is before a signature or a token is refused for it.
const skewed = 5 * time.Minute

func clockSkew(e *Evidence) *sign {
	if e.Road.Skew.Abs() < skewed {
		return nil
	}
	way := "ahead of"
	if e.Road.Skew < 0 {
		way = "behind"
	}
	return &sign{
		seen: fmt.Sprintf("the clock here is %s %s that of %s: signatures and tokens made with it are too early or too late", e.Road.Skew.Abs().Round(time.Second), way, e.host()),
		fix:  "set it", command: "timedatectl set-ntp true",
		hint: !e.Signs || e.Verdict.Outcome == key.Live,
	}
}

// unanswered is no cause of a 401: it says why there is no answer. What explains it better
// comes before.
func unanswered(e *Evidence) *sign {
	v := e.Verdict
	switch {
	case e.Offline || e.Road.Unverified || v.Outcome != key.Unknown:
		return nil
	case e.Asked && (v.Reason == key.Transient || v.Reason == key.NotYetAsked || v.Reason == key.Unsupported || v.Reason == ""):
	default:
		return nil
	}
	s := &sign{seen: e.told(), fix: "ask again", command: "livekey check " + Quote(string(e.Key))}
	if e.Place == EnvFile {
		s.command = fmt.Sprintf("livekey check --env-file %s %s", Quote(e.File), Quote(e.Variable))
	}
	if v.Reason == key.Unsupported {
		s.fix, s.command = "have it asked as that says, or look into its issuer's console", e.page("keys")
	}
	return s
}
