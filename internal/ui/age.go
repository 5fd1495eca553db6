package ui

import (
	"fmt"
	"time"
)

// Age is how long ago t was, in one unit: "42s", "7m", "3h", "12d"; "-" for the
// zero time, "now" within a second.
func Age(now, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return Span(now.Sub(t))
}

// Ago is Age in a sentence: "42s ago", "just now", "never" for the zero time.
func Ago(now, t time.Time) string {
	switch {
	case t.IsZero():
		return "never"
	case now.Sub(t) < time.Second:
		return "just now"
	default:
		return Age(now, t) + " ago"
	}
}

// Span is d in one unit, rounded down.
func Span(d time.Duration) string {
	switch {
	case d < time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	default:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
}
