package normalize

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/key"
)

// Name is what a fault is called in verdicts, in alerts and in `lint: {allow: […]}`.
type Name string

// Faults of a value, in the order in which they lead: what explains most comes first.
const (
	Empty              Name = "empty"
	ByteOrderMark      Name = "bom"
	NUL                Name = "nul"
	NotPEM             Name = "not_pem"
	EscapedNewline     Name = "escaped_newline"
	NotJSONValue       Name = "not_json_object"
	UnexpandedVariable Name = "unexpanded_variable"
	Placeholder        Name = "placeholder"
	Reference          Name = "reference"
	ExportPrefix       Name = "export_prefix"
	NamePrefix         Name = "name_prefix"
	BearerPrefix       Name = "bearer_prefix"
	Base64             Name = "base64"
	Quotes             Name = "quotes"
	CRLF               Name = "crlf"
	TrailingNewline    Name = "trailing_newline"
	Blanks             Name = "blanks"
	ZeroWidth          Name = "zero_width"
	Control            Name = "control"
	Doubled            Name = "doubled"
	InnerBlank         Name = "inner_blank"
	NonASCII           Name = "non_ascii"
	ForeignPrefix      Name = "foreign_prefix"
)

// Faults of a record: the value could not be taken out of it. None can be allowed.
const (
	NotJSON        Name = "not_json"
	NotEnv         Name = "not_env"
	NotBase64      Name = "not_base64"
	UnknownFormat  Name = "unknown_format"
	DuplicateField Name = "duplicate_field"
	MissingField   Name = "missing_field"
	NotAString     Name = "not_a_string"
	Ambiguous      Name = "ambiguous"
)

// Fault is one thing wrong with one part. It says where, and never quotes.
type Fault struct {
	Name Name
	Part key.Part

	// Offset counts bytes from 0; Line and Column count from 1, columns in
	// characters. They are of the value as stored, or of the record where the
	// value could not be taken out. Line 0: the fault has no place.
	Offset, Line, Column int

	Detail string // one sentence for a person, with what to do
}

// Error is the fault in one line.
func (f Fault) Error() string {
	var where string
	if f.Line > 0 {
		where = fmt.Sprintf(" at byte %d (line %d, column %d)", f.Offset, f.Line, f.Column)
	}
	if f.Part != key.DefaultPart {
		where += " of part " + string(f.Part)
	}
	return fmt.Sprintf("%s%s: %s", f.Name, where, f.Detail)
}

// Faults is all that is wrong with a key. The first explains most.
type Faults []Fault

// Error is every fault, the first one first.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "; ")
}

// Verdict is what becomes of a key with these faults, of which there is at least one.
func (fs Faults) Verdict() key.Verdict {
	return key.Verdict{Outcome: key.Dead, Reason: key.Malformed, Which: string(fs[0].Name), Detail: fs.Error()}
}

// place fills in where offset is in text.
func (f Fault) place(text []byte, offset int) Fault {
	before := text[:min(offset, len(text))]
	line := 0
	start := 0
	for i, b := range before {
		if b == '\n' {
			line++
			start = i + 1
		}
	}
	f.Offset, f.Line, f.Column = offset, line+1, utf8.RuneCount(before[start:])+1
	return f
}
