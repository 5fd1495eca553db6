package secret

import (
	"net"
	"net/netip"
	"regexp"
	"strings"
)

// mask stands for what was taken out.
const mask = "***"

// A word this long is kept only if it reads as one; a shorter one is too little to use.
const minSuspect = 8

// A word this long that mixes upper case, lower case and digits is a key.
const minMixed = 16

// keyPrefix matches the beginnings by which issuers mark their keys, wherever
// in a word they stand.
var keyPrefix = regexp.MustCompile(`(?i)(^|[^a-z0-9])(sk-|sk_|pk_|rk_|ghp_|gho_|ghs_|ghu_|ghr_|github_pat_|glpat-|xox[a-z]-|xapp-|akia|asia[a-z0-9]{4}|aiza|ya29\.|hvs\.|hvb\.|hvr\.|whsec_|npm_|pypi-|sg\.|dop_v1_|age-secret-key-|hf_|gsk_|xai-|eyj|-----begin)`)

// credentialWord matches a word that names the credential which follows it.
var credentialWord = regexp.MustCompile(`(?i)^(bearer|basic|token:|password:|secret:|authorization:|x-api-key:|x-vault-token:)$`)

// assignment matches name=value where the name says that the value is a credential.
var assignment = regexp.MustCompile(`(?i)^(.*(?:token|secret|password|passwd|pwd|apikey|api_key|api-key|key|signature|credential)s?=).+$`)

var uuid = regexp.MustCompile(`(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// maskText masks quoted strings, then every word outside of them that could be a key.
func maskText(s string) string {
	var out strings.Builder
	rest := printable(bounded(s)) // first: a key with a zero-width space inside is a key
	prev := byte(' ')
	for rest != "" {
		i := strings.IndexAny(rest, "\"'`")
		if i < 0 {
			out.WriteString(maskWords(rest))
			break
		}
		if i > 0 {
			prev = rest[i-1]
		}
		q := rest[i]
		if q == '\'' && isAlnum(prev) { // an apostrophe: belongs to its word
			end := i + 1
			for end < len(rest) && rest[end] != ' ' {
				end++
			}
			start := strings.LastIndexAny(rest[:i], " ") + 1
			out.WriteString(maskWords(rest[:start]))
			out.WriteString(maskWord(rest[start:end]))
			prev, rest = rest[end-1], rest[end:]
			continue
		}
		out.WriteString(maskWords(rest[:i]))
		content, after := quoted(rest[i:])
		out.WriteByte(q)
		out.WriteString(maskQuoted(content))
		out.WriteByte(q)
		prev, rest = q, after
	}
	return out.String()
}

// quoted splits s, which begins with a quote, behind the closing one. A quote
// that never closes reaches to the end.
func quoted(s string) (content, after string) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return s[1:i], s[i+1:]
		}
	}
	return s[1:], ""
}

// maskQuoted keeps of a quoted string the host of a URL, and a lone sign, as in
// "invalid character '<'".
func maskQuoted(s string) string {
	if o := origin(s); o != "" {
		return o
	}
	if len(s) == 1 && !isAlnum(s[0]) {
		return s
	}
	return mask
}

// maskWords masks word by word and keeps the blanks between them.
func maskWords(s string) string {
	var out strings.Builder
	afterCredential := false
	for s != "" {
		blanks := len(s) - len(strings.TrimLeft(s, " "))
		out.WriteString(s[:blanks])
		s = s[blanks:]
		end := strings.IndexAny(s, " ")
		if end < 0 {
			end = len(s)
		}
		word := s[:end]
		s = s[end:]
		switch {
		case word == "":
		case afterCredential:
			out.WriteString(mask)
		default:
			out.WriteString(maskWord(word))
		}
		afterCredential = credentialWord.MatchString(word)
	}
	return out.String()
}

// maskWord masks one run without blanks, and keeps the punctuation around it.
func maskWord(w string) string {
	trimmed := strings.TrimRight(w, ",;:.!?")
	if isAddress(trimmed) { // [::1]:443 begins with punctuation of its own
		return maskAddress(trimmed) + w[len(trimmed):]
	}
	core := strings.TrimLeft(w, "([{<*")
	trimmed = strings.TrimRight(core, ")]}>,;:.!?")
	return w[:len(w)-len(core)] + maskCore(trimmed) + core[len(trimmed):]
}

func maskCore(w string) string {
	switch {
	case len(w) < minSuspect:
		return w
	case strings.Contains(w, "://"):
		if o := origin(w); o != "" {
			return o
		}
		return mask
	case assignment.MatchString(w):
		return assignment.FindStringSubmatch(w)[1] + mask
	case isAddress(w):
		return maskAddress(w)
	case suspicious(w):
		return mask
	}
	return w
}

// maskAddress keeps host and port, or the path of a Unix socket.
func maskAddress(a string) string {
	if strings.HasPrefix(a, "/") || strings.HasPrefix(a, "@") {
		return maskPath(a)
	}
	if _, err := netip.ParseAddrPort(a); err == nil {
		return a
	}
	if host, port, err := net.SplitHostPort(a); err == nil {
		if len(port) > 5 || strings.Trim(port, "0123456789") != "" {
			port = mask
		}
		return maskHost(host) + ":" + port
	}
	return maskHost(a)
}

// maskHost masks the labels of a name that could be a key: a DSN read wrongly
// makes a host out of a password.
func maskHost(h string) string {
	if _, err := netip.ParseAddr(strings.Trim(h, "[]")); err == nil {
		return h
	}
	labels := strings.Split(h, ".")
	for i, l := range labels {
		if suspiciousLabel(l) {
			labels[i] = mask
		}
	}
	if keyPrefix.MatchString(h) && len(h) >= minMixed && strings.ToLower(h) != h {
		return mask
	}
	return strings.Join(labels, ".")
}

// maskPath masks the names of a path that could be a key, and all of a path that
// could be one itself: base64 has slashes.
func maskPath(p string) string {
	names := strings.Split(p, "/")
	odd := 0
	for i, n := range names {
		if oddName(n) {
			odd++
		}
		if suspicious(n) {
			names[i] = mask
		}
	}
	if odd >= 2 || odd == 1 && strings.ContainsAny(p, "+=") {
		return mask
	}
	return strings.Join(names, "/")
}
