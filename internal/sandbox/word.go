package sandbox

import "strings"

// word is s as one word of a unit file, which splits at blanks, expands %, and takes
// quotes and backslashes for its own. In quotes a colon begins no destination either.
func word(s string) string {
	plain := oneLine(s)
	s = strings.NewReplacer(`%`, `%%`, `"`, `\"`, `\`, `\\`).Replace(plain)
	if s != "" && !strings.ContainsAny(s, " '\"\\;:#") {
		return s
	}
	return `"` + s + `"`
}

// optional is a path that a unit forgives to be missing: livekey then says so itself, about
// this path alone.
func optional(path string) string { return word("-" + path) }

// shellWord is s as one word of a shell.
func shellWord(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@%+=:,-"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(oneLine(s), "'", `'\''`) + "'"
}

// oneLine is s without what could begin a new line: nothing from a config becomes a
// directive.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
