package normalize

import (
	"bytes"

	"github.com/livekey/livekey/internal/secret"
)

// Fields are the names of what is in a record, in its order, and the format in which it is
// read: "json" of an object, "env" of a file of assignments, or none and "".
func Fields(record secret.Value) (names []string, format string) {
	text := record.Reveal()
	if root, fault := parseJSON(text); fault == nil {
		for _, m := range root.members {
			names = append(names, m.name)
		}
		return names, "json"
	}
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		blank := bytes.TrimSpace(line)
		if len(blank) == 0 || blank[0] == '#' {
			continue
		}
		name := Assigned(line)
		if name == "" {
			return nil, ""
		}
		names = append(names, name)
	}
	return names, "env"
}

// Setting is what an env file assigns to a variable that is no secret, such as an address;
// "" if it assigns nothing, or parsers disagree what.
func Setting(record secret.Value, name string) string {
	value, fault := variable(record.Reveal(), name)
	if fault != nil {
		return ""
	}
	return string(value.Reveal())
}
