package alerts

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// EventID names one event of one alert: a receiver drops what it has seen, also
// when livekey was started again in between.
func EventID(a Alert) string {
	sum := sha256.Sum256([]byte(a.Data.ID + "\x00" + string(a.Type) + "\x00" + a.Timestamp.UTC().Format(time.RFC3339Nano)))
	return "msg_" + hex.EncodeToString(sum[:16])
}

// Happened is the last word of a type: opened, updated or resolved.
func (t Type) Happened() string { return strings.TrimPrefix(string(t), "livekey.alert.") }

// Line is text for a receiver that has no room for all of it, or shows it to a
// person: one line of valid UTF-8 without control characters, at most limit bytes.
func Line(text string, limit int) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)), " ")
	if len(text) <= limit {
		return text
	}
	const more = "…"
	cut := max(0, limit-len(more))
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + more
}

// Lines is Line of each of the first of many.
func Lines(texts []string, most, limit int) []string {
	lines := make([]string, 0, min(len(texts), most))
	for _, text := range texts[:min(len(texts), most)] {
		lines = append(lines, Line(text, limit))
	}
	return lines
}

// Facts are the alert's evidence, sorted by name: "http_status: 401".
func (d Data) Facts() []string {
	facts := make([]string, 0, len(d.Evidence))
	for _, name := range slices.Sorted(maps.Keys(d.Evidence)) {
		facts = append(facts, name+": "+d.Evidence[name])
	}
	return facts
}
