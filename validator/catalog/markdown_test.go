package catalog

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// words are what the rule asks for.
func (r *rule) words() string {
	var all []string
	for _, s := range r.Status {
		all = append(all, strconv.Itoa(s))
	}
	words := []string{}
	if len(all) > 0 {
		words = append(words, strings.Join(all, " or "))
	}
	if !r.condition.empty() {
		words = append(words, r.condition.words())
	}
	for _, c := range r.And {
		words = append(words, c.words())
	}
	if len(r.BodyContains) > 0 {
		words = append(words, "the body has "+strings.Join(quoted(r.BodyContains), " or ")+" inside")
	}
	return strings.Join(words, ", and ")
}

func (c condition) words() string {
	where := mono(c.Path)
	switch {
	case c.Header != "":
		where = "the header " + mono(c.Header)
	case c.Fact != "":
		where = "the fact " + mono(c.Fact)
	}
	switch {
	case c.Exists != nil && *c.Exists:
		return where + " is there"
	case c.Exists != nil:
		return where + " is missing"
	case c.Equals != nil:
		return where + " is " + mono(fmt.Sprint(c.Equals))
	case len(c.OneOf) > 0:
		return where + " is " + strings.Join(quoted(c.OneOf), " or ")
	case c.Contains != "":
		return where + " has " + mono(c.Contains) + " inside"
	case c.Prefix != "":
		return where + " begins with " + mono(c.Prefix)
	}
	return fmt.Sprintf("%s is %v at most", where, *c.AtMost)
}

func (f field) words() string {
	words := "always " + mono(f.Is)
	switch {
	case f.Header != "":
		words = "header " + mono(f.Header)
	case f.Path != "":
		words = mono(f.Path)
	case f.Fact != "":
		words = "fact " + mono(f.Fact)
	}
	if f.Match != "" {
		words += ", what fits " + mono(f.Match)
	}
	return words
}

// line is a paragraph.
func (p *page) line(format string, args ...any) {
	if b := p.Bytes(); len(b) > 0 && !bytes.HasSuffix(b, []byte("\n\n")) {
		p.WriteByte('\n')
	}
	fmt.Fprintf(p, format+"\n\n", args...)
}

func (p *page) section(title string) { p.line("## %s", title) }

func (p *page) item(text string) { fmt.Fprintf(p, "- %s\n", strings.TrimSpace(text)) }

func (p *page) list(title string, words []string) {
	if len(words) > 0 {
		p.item(title + ": " + monos(words))
	}
}

// note is the file's comment on one of its fields.
func (p *page) note(at string) {
	if text := p.remarks[at]; text != "" {
		p.item(text)
	}
}

func (p *page) table(heads ...string) {
	if b := p.Bytes(); !bytes.HasSuffix(b, []byte("\n\n")) {
		p.WriteByte('\n')
	}
	p.row(heads...)
	p.WriteString(strings.Repeat("|---", len(heads)) + "|\n")
}

func (p *page) row(cells ...string) {
	for _, c := range cells {
		p.WriteString("| " + cell(c) + " ")
	}
	p.WriteString("|\n")
}

// cell is text that no table takes for its end.
func cell(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "|", `\|`) }

func mono(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(s, "`", "'") + "`"
}

func quoted(words []string) []string {
	var all []string
	for _, w := range words {
		all = append(all, mono(w))
	}
	return all
}

func monos(words []string) string { return strings.Join(quoted(words), ", ") }

// sentence is text as one.
func sentence(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return ""
	}
	if first := s[:1]; strings.ToLower(first) == first && !strings.HasPrefix(s, "livekey") {
		s = strings.ToUpper(first) + s[1:]
	}
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "?") {
		s += "."
	}
	return s
}

// after is a remark behind a sentence.
func after(remark string) string {
	if remark == "" {
		return ""
	}
	return " " + remark
}

// clean drops what is empty or said already.
func clean(texts ...string) []string {
	var all []string
	for _, s := range texts {
		if s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
