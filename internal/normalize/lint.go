package normalize

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	utf8BOM   = "\ufeff"
	bomDetail = "begins with a byte order mark, as Windows editors and PowerShell's > write it: save as UTF-8 without BOM"
)

// view is one value and what several rules want to know about it.
type view struct {
	Input
	all  []byte // the value
	head int    // where its core begins: after a byte order mark, blanks, newlines and quotes
	core []byte // without them at the end, either
}

// A rule looks for one fault. find returns the place of the first, or none.
type rule struct {
	name   Name
	forms  []Form
	find   func(v view) int
	detail string // one sentence with the fix; %issuer is where another issuer is named
}

// none says that a rule found nothing.
const none = -1

var (
	every   = []Form{Token, Text, PEM, JSON}
	oneLine = []Form{Token, Text} // PEM and JSON may have newlines and blanks at their ends
)

// rules are in the order in which their faults lead.
var rules = []rule{
	{Empty, every, empty, "there is nothing but blanks: store the key"},
	{ByteOrderMark, every, byteOrderMark, bomDetail},
	{NUL, every, byteOf(0), "has a NUL byte inside: the file is binary or UTF-16, store the key as plain text"},
	{NotPEM, []Form{PEM}, notPEM, "has no complete -----BEGIN block: store the whole PEM text, first and last line included"},
	{EscapedNewline, []Form{PEM}, escapedNewline, `has \n written as two characters: store real line breaks`},
	{NotJSONValue, []Form{JSON}, notObject, "is no JSON object: store the JSON document itself, neither cut nor quoted a second time"},
	{UnexpandedVariable, oneLine, unexpanded, "has a variable or template that nobody expanded: store what it stands for"},
	{Placeholder, oneLine, placeholder, "is a placeholder: store the real key"},
	{Reference, oneLine, reference, "is a reference to a secret and not the secret: store the key, or put the reference in from:"},
	{ExportPrefix, oneLine, exportPrefix, "begins with export: store only what follows the equals sign"},
	{NamePrefix, oneLine, namePrefix, "begins with a name: store only the value, or read the file with ?format=env#NAME"},
	{BearerPrefix, oneLine, bearerPrefix, "begins with the scheme of an Authorization header: store the key alone"},
	{Base64, []Form{Token}, inBase64, "is in base64: write format: base64 for the key, or store it decoded"},
	{Quotes, oneLine, quotes, "has quotes that are no part of a key: store it without"},
	{CRLF, oneLine, carriageReturn, "has a Windows line end: save with LF, or store it without a line end"},
	{TrailingNewline, oneLine, trailingNewline, "ends in a newline: store it with printf %s instead of echo, or write trim: true"},
	{Blanks, oneLine, outerBlanks, "has a blank or newline at an end: store it without, or write trim: true"},
	{ZeroWidth, oneLine, zeroWidth, "has a character that cannot be seen, as copying from a web page or a chat leaves it: type or copy the key anew"},
	{Control, oneLine, control, "has a control character: copy the key anew"},
	{Doubled, []Form{Token}, doubled, "is there twice, one after the other: store it once"},
	{InnerBlank, []Form{Token}, innerBlank, "has a blank or line break inside: store it on one line, alone"},
	{NonASCII, []Form{Token}, nonASCII, "has a character that is not ASCII: copy the key anew, as the issuer showed it"},
	{ForeignPrefix, oneLine, foreignPrefix, "has the prefix of keys of %issuer: store the key of the provider that the config names, or correct provider:"},
}

// Allowable are the names that `lint: {allow: […]}` may have.
func Allowable() []string {
	var names []string
	for _, r := range rules {
		if r.name != Empty {
			names = append(names, string(r.name))
		}
	}
	return names
}

// weight orders faults: those of records before those of values.
func weight(name Name) int {
	return slices.IndexFunc(rules, func(r rule) bool { return r.name == name })
}

// lint returns a fault for each rule of the form that v breaks, with its offset in v.
func (in Input) lint(v []byte) []Fault {
	if in.Form == "" {
		in.Form = Text
	}
	seen := view{Input: in, all: v}
	seen.head, seen.core = core(v)
	var faults []Fault
	for _, r := range rules {
		if !slices.Contains(r.forms, in.Form) {
			continue
		}
		if at := r.find(seen); at != none {
			detail := strings.ReplaceAll(r.detail, "%issuer", seen.foreignIssuer())
			faults = append(faults, Fault{Name: r.name, Offset: at, Detail: detail})
		}
	}
	return faults
}

// core is what is left of v without the wrapping that other rules report, and
// where it begins. Rules about what a value begins with look there.
func core(v []byte) (head int, inside []byte) {
	inside = bytes.TrimPrefix(v, []byte(utf8BOM))
	for {
		start := leading(inside)
		if start < len(inside) {
			start += quoteAt(inside[start:])
		}
		if start == 0 {
			break
		}
		inside = inside[start:]
	}
	head = len(v) - len(inside)
	for {
		end := len(inside) - trailing(inside)
		if r, size := utf8.DecodeLastRune(inside[:end]); isQuote(r) {
			end -= size
		}
		if end == len(inside) {
			return head, inside
		}
		inside = inside[:end]
	}
}

// leading is the length of the blanks and newlines with which v begins.
func leading(v []byte) int { return len(v) - len(bytes.TrimLeftFunc(v, isSpace)) }

// trailing is the length of the blanks and newlines in which v ends.
func trailing(v []byte) int { return len(v) - len(bytes.TrimRightFunc(v, isSpace)) }

func isSpace(r rune) bool { return r == '\n' || r == '\r' || isBlank(r) }

// isBlank says whether r is a blank of any width, but for those of none.
func isBlank(r rune) bool {
	switch r {
	case ' ', '\t', '\v', '\f', 0x00a0, 0x1680, 0x202f, 0x205f, 0x3000:
		return true
	}
	return r >= 0x2000 && r <= 0x200a
}

// isQuote says whether r is a quote of a keyboard or of a word processor.
func isQuote(r rune) bool { return strings.ContainsRune("\"'`", r) || isTypographic(r) }

func isTypographic(r rune) bool { return strings.ContainsRune("‘’‚‛“”„‟«»‹›", r) }

// isInvisible says whether r has no width, or turns the direction of writing.
func isInvisible(r rune) bool {
	switch r {
	case 0x00ad, 0x034f, 0x061c, 0x180e, 0xfeff:
		return true
	}
	return r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2060 && r <= 0x206f
}

// quoteAt is the length of the quote with which v begins, or 0.
func quoteAt(v []byte) int {
	if r, size := utf8.DecodeRune(v); isQuote(r) {
		return size
	}
	return 0
}
