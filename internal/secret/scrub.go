package secret

import (
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Budgets of a scrubbed text, in bytes. What lies past maxInput is not looked at.
const (
	maxScrubbed = 300
	maxInput    = 4 << 10
	maxDepth    = 16
)

// Scrub returns an error for logs, alerts and verdicts out of one that a client
// library made. Its text is one line of at most 300 bytes without control
// characters: a URL is reduced to scheme and host, quoted strings and whatever
// could be a key are masked, host names, ports and system errors stay. It has
// no Unwrap through which the cause could be printed, so classify err before.
// Scrub of nil is nil.
//
// It can tell a key from a word, not a passphrase from a sentence: an error
// that quotes a record is never made in the first place.
func Scrub(err error) error {
	if err == nil {
		return nil
	}
	return scrubbed(oneLine(describe(err, 0)))
}

type scrubbed string

func (s scrubbed) Error() string { return string(s) }

// describe builds the text from the fields of the errors that are known to
// carry addresses and paths, and masks the text of all others.
func describe(err error, depth int) string {
	if depth > maxDepth {
		return mask
	}
	inner := func(e error) string {
		if e == nil {
			return "unknown cause"
		}
		return describe(e, depth+1)
	}
	switch e := err.(type) { //nolint:errorlint // this layer alone: those below get their own turn
	case *url.Error:
		return joinNonEmpty(": ", strings.TrimSpace(maskWords(e.Op)+" "+origin(e.URL)), inner(e.Err))
	case *net.OpError:
		head := maskWords(e.Op + " " + e.Net)
		if e.Source != nil && e.Addr != nil {
			head += " " + maskAddress(e.Source.String()) + "->" + maskAddress(e.Addr.String())
		} else if e.Addr != nil {
			head += " " + maskAddress(e.Addr.String())
		}
		return head + ": " + inner(e.Err)
	case *net.DNSError:
		head := "lookup " + maskHost(e.Name)
		if e.Server != "" {
			head += " on " + maskAddress(e.Server)
		}
		return head + ": " + maskText(e.Err)
	case *net.AddrError:
		return "address " + maskAddress(e.Addr) + ": " + maskText(e.Err)
	case *fs.PathError:
		return maskWords(e.Op) + " " + maskPath(e.Path) + ": " + inner(e.Err)
	case *os.LinkError:
		return maskWords(e.Op) + " " + maskPath(e.Old) + " " + maskPath(e.New) + ": " + inner(e.Err)
	}
	return describeWrapper(err, inner)
}

// describeWrapper replaces the text of each wrapped error where it stands in the
// text of its wrapper, and masks what the wrapper itself says.
func describeWrapper(err error, inner func(error) string) string {
	text := bounded(err.Error())
	var out strings.Builder
	for _, cause := range unwrapAll(err) {
		quoted := cause.Error()
		before, after, found := strings.Cut(text, quoted)
		if quoted == "" || !found {
			continue // reworded or cut off: masked with the rest
		}
		out.WriteString(maskText(before))
		out.WriteString(inner(cause))
		text = after
	}
	out.WriteString(maskText(text))
	return out.String()
}

func unwrapAll(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var causes []error
		for _, e := range many.Unwrap() {
			if e != nil {
				causes = append(causes, e)
			}
		}
		return causes
	}
	if one := errors.Unwrap(err); one != nil {
		return []error{one}
	}
	return nil
}

// origin is scheme and host of a URL, and nothing of one that does not parse.
func origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return ""
	}
	return maskWords(u.Scheme) + "://" + maskAddress(u.Host)
}

func bounded(s string) string { return s[:min(len(s), maxInput)] }

// printable turns every blank into a space and takes out what no terminal shows.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
}

// oneLine leaves printable characters, with one blank between words.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(printable(s)), " ")
	if len(s) <= maxScrubbed {
		return s
	}
	const more = "…"
	cut := maxScrubbed - len(more)
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + more
}

func joinNonEmpty(sep string, parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, sep)
}
