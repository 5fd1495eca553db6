package doctor

import (
	"fmt"
	"slices"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/normalize"
)

// unsendable is how it shows where a value cannot stand in a header: nothing in the message
// of the client says that it is about the key.
const unsendable = `; Python clients (httpx) then report "Illegal header value" or "APIConnectionError: Connection error." as if the network ` +
	`were down, and print the key into the log: revoke it if that happened; Go says "invalid header field value"`

// symptoms are what programs make of a fault, where that is known.
var symptoms = map[normalize.Name]string{
	normalize.TrailingNewline: unsendable,
	normalize.CRLF:            unsendable,
	normalize.Control:         unsendable,
	normalize.NUL:             unsendable,
	normalize.Blanks:          "; Go clients cut blanks off without a word, others send or refuse them, so that one program works and the next does not",
	normalize.ZeroWidth:       "; Python clients fail with UnicodeEncodeError, others send it and get 401",
	normalize.NonASCII:        "; Python clients fail with UnicodeEncodeError, others send it and get 401",
	normalize.ByteOrderMark:   "; Python clients fail with UnicodeEncodeError, others send it and get 401",
	normalize.BearerPrefix:    `; the header then reads "Bearer Bearer …"`,
	normalize.Quotes:          "; docker --env-file and systemd pass quotes on that a shell would take away",
}

// covers says of which faults a value with this one has the other too: a CRLF at the end
// is a newline as well, and one cause is enough.
var covers = map[normalize.Name][]normalize.Name{
	normalize.TrailingNewline: {normalize.CRLF},
	normalize.Blanks:          {normalize.TrailingNewline, normalize.CRLF},
}

func (e *Evidence) fault(name normalize.Name) (normalize.Fault, bool) {
	i := slices.IndexFunc(e.Faults, func(f normalize.Fault) bool { return f.Name == name })
	if i < 0 {
		return normalize.Fault{}, false
	}
	return e.Faults[i], true
}

// fault is a cause that the linter knows. It is the one that every source passes, too.
func fault(name normalize.Name) func(e *Evidence) *sign {
	return func(e *Evidence) *sign {
		f, ok := e.fault(name)
		if !ok || slices.ContainsFunc(covers[name], func(n normalize.Name) bool { _, too := e.fault(n); return too }) {
			return nil
		}
		return e.faulty(f)
	}
}

func (e *Evidence) faulty(f normalize.Fault) *sign {
	s := &sign{seen: fmt.Sprintf("%s in %s: %s%s", e.Variable, e.At, f.Error(), symptoms[f.Name]), fix: "store it without", command: e.rewrite()}
	switch f.Name {
	case normalize.UnexpandedVariable:
		s.fix = "store what the variable stands for: whoever reads this place expands nothing"
	case normalize.Placeholder, normalize.Reference:
		s.fix = "store the real key"
	case normalize.ForeignPrefix:
		s.fix = "store the key of the issuer that the variable belongs to, and this one under its own name"
	default:
	}
	return s
}

// rewrite is how the value is stored anew where it lies, without anything around it.
func (e *Evidence) rewrite() string {
	switch e.Place {
	case Environment:
		return typeIn(e.Variable)
	case EnvFile:
		return e.edit()
	case Sink, Config:
		if e.Held.From != "" {
			return "livekey refresh " + Quote(string(e.Key)) + "   # once it is stored anew in " + e.Held.From
		}
	case Process:
		return e.restart()
	}
	return ""
}

// ownRow are the faults that have a row of their own.
var ownRow = []normalize.Name{
	normalize.TrailingNewline, normalize.CRLF, normalize.Blanks, normalize.ByteOrderMark, normalize.Quotes, normalize.ZeroWidth,
	normalize.BearerPrefix, normalize.ExportPrefix, normalize.NamePrefix, normalize.UnexpandedVariable, normalize.Placeholder,
	normalize.Doubled, normalize.ForeignPrefix,
}

// malformed is every other fault: of the record too.
func malformed(e *Evidence) *sign {
	for _, f := range e.Faults {
		if !slices.Contains(ownRow, f.Name) && (f.Name != normalize.Empty || !e.Empty) {
			return e.faulty(f)
		}
	}
	if len(e.Faults) == 0 && e.Verdict.Reason == key.Malformed {
		return &sign{
			seen: fmt.Sprintf("%s in %s: %s", e.Variable, e.At, e.Verdict.Detail), fix: "store the key as its issuer showed it", command: e.rewrite(),
		}
	}
	return nil
}

// truncated: a shape only ever speaks against a key, and is no proof, so a key that lives
// is none of these, and of one that nobody was asked about it is a guess.
func truncated(e *Evidence) *sign {
	if !e.Misfit || len(e.Faults) > 0 || e.Verdict.Outcome == key.Live {
		return nil
	}
	return &sign{
		seen: fmt.Sprintf("%s in %s begins like a key of %s (%s), and has not the length or the characters of one", e.Variable, e.At, e.Issuer, e.Class),
		fix:  "copy the whole key anew: a double click stops at a hyphen, and some forms cut at a column", command: e.rewrite(),
		hint: e.Verdict.Outcome != key.Dead,
	}
}
