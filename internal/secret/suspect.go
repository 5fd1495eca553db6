package secret

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// hostPort matches a DNS name in lower case with at least one dot or a port.
var hostPort = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?((\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+\.?(:[0-9]{1,5})?|:[0-9]{1,5})$`)

// isAddress says whether w reads as an address: a name or number, with or without a port.
func isAddress(w string) bool {
	if _, err := netip.ParseAddrPort(w); err == nil {
		return true
	}
	if _, err := netip.ParseAddr(w); err == nil {
		return true
	}
	return hostPort.MatchString(w)
}

// Marked says whether s has in it the mark by which an issuer's keys are known, such as sk-.
func Marked(s string) bool { return keyPrefix.MatchString(s) }

// suspicious says whether w could be a key. It errs on the side of yes: what
// stays has to read as words, an identifier, a time or a small number.
func suspicious(w string) bool {
	if len(w) < minSuspect {
		return false
	}
	if keyPrefix.MatchString(w) || uuid.MatchString(w) {
		return true
	}
	upper, lower, digit := classes(w)
	if len(w) >= minMixed && upper && lower && digit {
		return true
	}
	for _, seg := range strings.FieldsFunc(w, isSeparator) {
		if strings.Trim(seg, alnum) != "" || !readable(seg) {
			return true
		}
	}
	return false
}

// suspiciousLabel is suspicious for one label of a host name, where generated
// names such as a pod's are common and harmless.
func suspiciousLabel(l string) bool {
	if uuid.MatchString(l) {
		return true
	}
	if upper, _, _ := classes(l); upper {
		return suspicious(l)
	}
	for seg := range strings.SplitSeq(l, "-") {
		if strings.Trim(seg, alnum) != "" && len(l) >= minSuspect {
			return true
		}
		if _, lower, digit := classes(seg); lower && digit && len(seg) >= minMixed || len(seg) >= minMixed && !readable(seg) {
			return true
		}
	}
	return false
}

// oddName says whether upper and lower case change in a name as in no word. A uuid,
// and what a tool counts up, have one case.
func oddName(n string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(n, isSeparator), func(seg string) bool {
		upper, lower, digit := classes(seg)
		return upper && lower && (digit || !camel(seg))
	})
}

const (
	lowers = "abcdefghijklmnopqrstuvwxyz"
	uppers = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
	alnum  = lowers + uppers + digits
)

// readable says whether a run of letters and digits reads as a word, an
// identifier in camel case, or a number.
func readable(s string) bool {
	upper, lower, digit := classes(s)
	switch {
	case digit && (upper || lower):
		return len(s) < minSuspect
	case digit:
		return len(s) < 10
	case upper && !lower:
		return len(s) <= 14 && pronounceable(s)
	case upper:
		return len(s) <= 40 && camel(s) && pronounceable(s)
	}
	return len(s) <= 24 && pronounceable(s)
}

// camel says whether every lower-case run has two letters or more: in a random
// text the case changes at every other letter.
func camel(s string) bool {
	run := 2
	for i := range len(s) {
		if s[i] >= 'a' {
			run++
		} else {
			if run < 2 && i > 0 && s[i-1] >= 'a' {
				return false
			}
			run = 0
		}
	}
	return run != 1
}

// pronounceable says whether no more than six consonants follow each other.
func pronounceable(s string) bool {
	run := 0
	for i := range len(s) {
		if strings.IndexByte("aeiouyAEIOUY", s[i]) >= 0 {
			run = 0
		} else if run++; run > 6 {
			return false
		}
	}
	return true
}

func classes(s string) (upper, lower, digit bool) {
	return strings.ContainsAny(s, uppers), strings.ContainsAny(s, lowers), strings.ContainsAny(s, digits)
}

func isSeparator(r rune) bool { return strings.ContainsRune(`-_./:=,()[]'\>`, r) }

func isAlnum(b byte) bool { return strings.IndexByte(alnum, b) >= 0 }
