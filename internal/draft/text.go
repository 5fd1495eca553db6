package draft

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/ui"
)

// noteColumn is where comments behind a line begin, if it is no longer.
const noteColumn = 38

// String is the config as YAML.
func (c *Config) String() string {
	var b strings.Builder
	comment(&b, "", c.Head)
	for _, section := range []struct {
		name    string
		entries []Entry
	}{{"sources", c.Sources}, {"keys", c.Keys}, {"sinks", c.Sinks}} {
		if len(section.entries) == 0 {
			continue
		}
		separate(&b)
		b.WriteString(section.name + ":\n")
		for _, e := range section.entries {
			comment(&b, "  ", e.Notes)
			b.WriteString("  " + string(Text(e.Name)) + ":\n")
			fields(&b, "    ", e.Fields)
		}
	}
	if len(c.Policy) > 0 {
		separate(&b)
		b.WriteString("policy:\n")
		fields(&b, "  ", c.Policy)
	}
	if len(c.Tail) > 0 {
		separate(&b)
		comment(&b, "", c.Tail)
	}
	return b.String()
}

func separate(b *strings.Builder) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
}

func fields(b *strings.Builder, indent string, all []Field) {
	for _, f := range all {
		line := indent + string(Text(f.Name)) + ": " + string(f.Value)
		b.WriteString(line)
		if f.Note != "" {
			b.WriteString(strings.Repeat(" ", max(1, noteColumn-utf8.RuneCountInString(line))))
			b.WriteString("# " + ui.Clean(f.Note))
		}
		b.WriteByte('\n')
	}
}

// comment writes lines that no text in them can end.
func comment(b *strings.Builder, indent string, lines []string) {
	for _, line := range lines {
		b.WriteString(strings.TrimRight(indent+"# "+ui.Clean(line), " ") + "\n")
	}
}

func sortedKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
