package holders

import (
	"path"
	"strings"
)

// commandOf chooses between the name of a process and the path of its program. The name is
// the better one: of a script it is the script's, while its program is an interpreter. But
// some put a title there, and it ends after 15 bytes.
func commandOf(name, program string) string {
	program = strings.TrimSuffix(program, " (deleted)")
	if program != "" {
		program = path.Base(program)
	}
	const longest = 15
	switch {
	case strings.HasPrefix(name, "PM2 v"): // the title of its daemon, which is node
		return "pm2"
	case program == "":
		return nameOf([]byte(strings.ReplaceAll(name, " ", "-")))
	case name == "" || name == "MainThread" || strings.HasSuffix(name, "-MainThread"), // what node calls it
		len(name) == longest && strings.HasPrefix(program, name),
		strings.ContainsFunc(name, func(r rune) bool { return !isWord(r) }):
		return nameOf([]byte(program))
	default:
		return name
	}
}

func isWord(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._+-", r)
}
