package normalize

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"regexp"
	"unicode/utf8"
)

func empty(v view) int {
	if len(v.core) == 0 {
		return 0
	}
	return none
}

func byteOrderMark(v view) int {
	for _, mark := range []string{utf8BOM, "\xff\xfe", "\xfe\xff"} { // the last two begin UTF-16
		if bytes.HasPrefix(v.all, []byte(mark)) {
			return 0
		}
	}
	return none
}

func byteOf(b byte) func(view) int {
	return func(v view) int { return bytes.IndexByte(v.all, b) }
}

func notPEM(v view) int {
	if block, _ := pem.Decode(v.all); block == nil {
		return 0
	}
	return none
}

func escapedNewline(v view) int { return bytes.Index(v.all, []byte(`\n`)) }

func notObject(v view) int {
	root, fault := parseJSON(v.all)
	switch {
	case fault != nil:
		return fault.Offset
	case root.kind != objectNode:
		return root.start
	default:
		return none
	}
}

var (
	// Names of nothing, a row of one filler, or an instruction: all of the value.
	wholePlaceholder = regexp.MustCompile(`(?i)^(?:` +
		`change[-_ ]?(?:me|this)|replace[-_ ]?(?:me|this)|place[-_ ]?holder|fix[-_ ]?me|to[-_ ]?do|tbd|` +
		`none|null|nil|undefined|redacted|removed|hidden|masked|dummy|example|` +
		`x{3,}|\*{3,}|\.{3,}|…|•{3,}|-{3,}|#{3,}|` +
		`<[a-z][a-z0-9 ._-]*>|\[[a-z][a-z0-9 ._-]*\]|` +
		`(?:insert|enter|put|add|paste|my|your)[-_ ].*(?:key|token|secret|password|value|here))$`)

	// What no issuer puts into a token.
	placeholderInside = regexp.MustCompile(`(?i)x{7,}|\*{3,}|\.\.\.|…|•{3,}|redacted|` +
		`your[-_ ]?(?:own|api|secret|access|auth)?[-_ ]?(?:key|token|secret)|` +
		`(?:key|token|secret)[-_ ]?(?:goes[-_ ])?here`)

	// AWS's documentation ends its keys so.
	exampleEnd = regexp.MustCompile(`EXAMPLE(?:KEY)?$`)
)

func placeholder(v view) int {
	if wholePlaceholder.Match(v.core) {
		return v.head
	}
	if v.Form == Token {
		for _, pattern := range []*regexp.Regexp{placeholderInside, exampleEnd} {
			if at := v.first(pattern); at != none {
				return at
			}
		}
	}
	return none
}

var (
	anyVariable   = regexp.MustCompile(`\$\{[A-Za-z_][^{}]*\}|\$\([A-Za-z_./][^()]*\)|\{\{.*?\}\}|<no value>`)
	wholeVariable = regexp.MustCompile(`^(?:\$[A-Za-z_][A-Za-z0-9_]*|%[A-Za-z_][A-Za-z0-9_]*%|` + "`[^`]+`" + `)$`)
)

func unexpanded(v view) int {
	if at := v.first(anyVariable); at != none {
		return at
	}
	if wholeVariable.Match(v.core) {
		return v.head
	}
	return none
}

var references = regexp.MustCompile(`^(?:op://|ref\+[a-z]+://|vault:[a-z]|bao:[a-z]|secretref:|awssm://|gcpsm://|azurekv://|` +
	`projects/[^/]+/secrets/|arn:aws[a-z-]*:(?:secretsmanager|ssm):|@Microsoft\.KeyVault\()`)

func reference(v view) int { return v.first(references) }

var (
	exported = regexp.MustCompile(`(?i)^(?:export|set|setx)[ \t]+[A-Za-z_]`)
	bearer   = regexp.MustCompile(`(?i)^(?:authorization:[ \t]*)?bearer[ \t:]`)
	scheme   = regexp.MustCompile(`(?i)^(?:authorization:[ \t]*)?(?:bearer|token|basic)[ \t:]`)

	// A name and a value that is more than the padding of base64, or a header.
	tokenName = regexp.MustCompile(`^(?:[A-Za-z_][A-Za-z0-9_]{0,63}[ \t]*=[ \t]*[^= \t]|[A-Za-z][A-Za-z0-9_-]*:[ \t])`)
	// A DSN begins with "host=" lawfully. Nobody writes its names like a variable's.
	textName = regexp.MustCompile(`^[A-Z][A-Z0-9]*_[A-Z0-9_]*=`)
)

func exportPrefix(v view) int { return v.first(exported) }

func bearerPrefix(v view) int {
	if v.Form == Token {
		return v.first(scheme)
	}
	return v.first(bearer)
}

func namePrefix(v view) int {
	switch {
	case bearerPrefix(v) != none, v.hasOwnPrefix(v.core): // some issuers have = in the middle
		return none
	case v.Form == Token:
		return v.first(tokenName)
	default:
		return v.first(textName)
	}
}

// inBase64 knows a token by the prefix that decoding brings to light.
func inBase64(v view) int {
	if v.hasOwnPrefix(v.core) {
		return none
	}
	text := bytes.TrimRight(v.core, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		plain := make([]byte, encoding.DecodedLen(len(text)))
		n, err := encoding.Decode(plain, text)
		found := err == nil && v.hasOwnPrefix(plain[:n])
		clear(plain)
		if found {
			return v.head
		}
	}
	return none
}

// shortestPrefix is what does not begin a value by chance.
const shortestPrefix = 3

func (v view) hasOwnPrefix(value []byte) bool {
	for _, prefix := range v.OwnPrefixes {
		if len(prefix) >= shortestPrefix && bytes.HasPrefix(value, []byte(prefix)) {
			return true
		}
	}
	return false
}

// quotes: none belongs into a token. Text may have them, but not as its wrapping.
func quotes(v view) int {
	if v.Form == Token {
		return bytes.IndexFunc(v.all, isQuote)
	}
	start := leading(v.all)
	inside := bytes.TrimFunc(v.all, isSpace)
	first, size := utf8.DecodeRune(inside)
	last, _ := utf8.DecodeLastRune(inside)
	switch {
	case isTypographic(first), isQuote(first) && first == last && len(inside) > size:
		return start
	case isTypographic(last):
		return start + len(inside) - utf8.RuneLen(last)
	default:
		return none
	}
}

func carriageReturn(v view) int { return bytes.IndexByte(v.all, '\r') }

func trailingNewline(v view) int {
	end := len(v.all) - trailing(v.all)
	if at := bytes.IndexAny(v.all[end:], "\r\n"); at >= 0 {
		return end + at
	}
	return none
}

// outerBlanks are blanks and newlines before the value, and blanks after it.
func outerBlanks(v view) int {
	if leading(v.all) > 0 {
		return 0
	}
	end := len(v.all) - trailing(v.all)
	if at := bytes.IndexFunc(v.all[end:], isBlank); at >= 0 {
		return end + at
	}
	return none
}

// zeroWidth leaves a byte order mark at the start to its own rule.
func zeroWidth(v view) int {
	after := bytes.TrimPrefix(v.all, []byte(utf8BOM))
	at := bytes.IndexFunc(after, isInvisible)
	if at < 0 {
		return none
	}
	return len(v.all) - len(after) + at
}

// control leaves NUL, line ends and blanks to their own rules.
func control(v view) int {
	return bytes.IndexFunc(v.all, func(r rune) bool {
		return r > 0 && r < ' ' && !isSpace(r) || r >= 0x7f && r < 0xa0
	})
}

// shortestDoubled is below every token, and above what repeats by chance.
const shortestDoubled = 32

func doubled(v view) int {
	if len(v.core) < shortestDoubled {
		return none
	}
	for gap := range 3 { // nothing, a separator, CRLF
		half := (len(v.core) - gap) / 2
		second := len(v.core) - half
		if second == half+gap && bytes.Equal(v.core[:half], v.core[second:]) {
			return v.head + second
		}
	}
	return none
}

func innerBlank(v view) int {
	at := bytes.IndexFunc(v.core, isSpace)
	if at < 0 {
		return none
	}
	return v.head + at
}

// nonASCII leaves quotes, blanks and what has no width to their own rules.
func nonASCII(v view) int {
	for i := 0; i < len(v.all); {
		r, size := utf8.DecodeRune(v.all[i:])
		if r >= 0xa0 && !isQuote(r) && !isBlank(r) && !isInvisible(r) {
			return i // or it is no UTF-8, which reads as U+FFFD
		}
		i += size
	}
	return none
}

func foreignPrefix(v view) int {
	if v.foreignIssuer() == "" {
		return none
	}
	return v.head
}

// foreignIssuer is to whom the longest prefix of the value belongs, or "" where
// that is this issuer or nobody.
func (v view) foreignIssuer() (issuer string) {
	longest := ""
	for _, prefix := range v.OwnPrefixes {
		if len(prefix) > len(longest) && bytes.HasPrefix(v.core, []byte(prefix)) {
			longest = prefix
		}
	}
	for prefix, owner := range v.ForeignPrefixes {
		if len(prefix) > len(longest) && bytes.HasPrefix(v.core, []byte(prefix)) {
			longest, issuer = prefix, owner
		}
	}
	return issuer
}

// first is where pattern begins to match the core of v.
func (v view) first(pattern *regexp.Regexp) int {
	at := pattern.FindIndex(v.core)
	if at == nil {
		return none
	}
	return v.head + at[0]
}
