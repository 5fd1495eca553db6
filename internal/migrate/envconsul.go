package migrate

import (
	"strings"
)

const fieldsUnknown = "envconsul takes every field of a secret; livekey names each key: say their variables behind the file, or add entries by hand"

func (r *reader) envconsul(root *node, fields []string) {
	r.vaultOf(root)
	upcase := root.says("upcase") == "true"
	secrets := root.take("secret")
	for _, s := range secrets {
		path, line := s.field("path")
		bare := s.says("no_prefix") == "true"
		format := s.says("format")
		keys := s.take("key")
		for _, k := range keys {
			field := k.says("name")
			form := k.says("format")
			if form == "" {
				form = format
			}
			name, ok := variableOf(path, field, form, bare, upcase)
			if !ok {
				r.leave(k.line, "secret.key", "its variable cannot be told: add an entry by hand")
				continue
			}
			r.variable(name, "", secretValue(path, field, k.line))
		}
		switch {
		case len(keys) > 0:
		case len(fields) == 0, len(secrets) > 1, path == "":
			r.leave(line, "secret", fieldsUnknown)
		default:
			for _, name := range fields {
				field := name
				if upcase {
					field = strings.ToLower(name)
				}
				r.variable(name, "", secretValue(path, field, line))
			}
			if !bare {
				r.leave(line, "secret.no_prefix", "the fields are taken to be called as the variables, without the prefix that envconsul puts before them: correct each from:")
			}
		}
	}
	r.exec(root)
	r.consulCommon(root)
	r.drop(root, noConsul, "prefix")
	root.ignore("upcase", "sanitize")
	r.drop(root, "livekey exec --pristine and --allow say what else the program gets: docs/run-a-command.md", "pristine", "pristine_except")
	r.drop(root, noConsul, "service")
}

// secretValue is a field of a secret of which nobody says what version its engine has: data
// in second place is version 2's.
func secretValue(path, field string, line int) value {
	steps := strings.Split(strings.Trim(path, "/"), "/")
	return value{path: path, fields: []string{field}, two: len(steps) > 2 && steps[1] == "data", line: line}
}

// variableOf is what envconsul calls a field.
func variableOf(path, field, format string, bare, upcase bool) (string, bool) {
	name := field
	if format != "" {
		before, rest, found := strings.Cut(format, "{{")
		inside, after, closed := strings.Cut(rest, "}}")
		if found && (!closed || strings.TrimSpace(inside) != "key" || strings.Contains(after, "{{")) {
			return "", false
		}
		name = before
		if found {
			name = before + field + after
		}
	}
	if !bare {
		name = strings.NewReplacer("/", "_", "-", "_", ".", "_").Replace(strings.Trim(path, "/")) + "_" + name
	}
	if upcase {
		name = strings.ToUpper(name)
	}
	return name, field != "" && variableName.MatchString(name)
}
