package supervise

import (
	"path"
	"slices"
	"strings"
)

// basics are what nearly every program needs to know of who runs it, and where.
var basics = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "LANG", "LANGUAGE", "LC_*", "TERM", "COLORTERM", "NO_COLOR", "TZ", "TMPDIR",
}

// withheld are what systemd says to livekey's own process number: another one that takes
// them for its own is wrong. CREDENTIALS_DIRECTORY is where livekey's logins are.
var withheld = []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY"}

// Rules say which variables of livekey's own environment a child gets. Patterns are those
// of package path: * and ? and [a-z].
type Rules struct {
	Pristine bool     // the basics alone
	Allow    []string // patterns: these too
	Deny     []string // patterns: none of these, whatever else allows them
	Own      []string // names: livekey's own secrets. Allow hands them on
	Managed  []string // names: those of the child's keys. Nothing hands them on
}

// Lint says what is no pattern.
func (r Rules) Lint() error {
	for _, pattern := range slices.Concat(r.Allow, r.Deny) {
		if _, err := path.Match(pattern, ""); err != nil {
			return &badPatternError{pattern}
		}
	}
	return nil
}

type badPatternError struct{ pattern string }

func (e *badPatternError) Error() string {
	return "pattern " + e.pattern + ": a [ has no end; write it as in AWS_* or APP_[AB]"
}

// Pick returns the variables of environ, NAME=value each, that a child gets.
func (r Rules) Pick(environ []string) []string {
	picked := []string{}
	for _, pair := range environ {
		if name, _, ok := strings.Cut(pair, "="); ok && name != "" && r.passes(name) {
			picked = append(picked, pair)
		}
	}
	return picked
}

func (r Rules) passes(name string) bool {
	basic := matches(name, basics)
	switch {
	case slices.Contains(r.Managed, name), matches(name, r.Deny):
		return false
	case matches(name, r.Allow):
		return true
	case r.Pristine:
		return basic
	default: // a program that livekey runs may need HOME as much as this one
		return basic || !slices.Contains(r.Own, name) && !slices.Contains(withheld, name)
	}
}

func matches(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, _ := path.Match(pattern, name) // Lint has seen it
		return ok
	})
}
