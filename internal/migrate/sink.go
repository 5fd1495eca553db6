package migrate

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/draft"
)

// contents are the pieces of a template block, unless they are in another file.
func (r *reader) contents(t *node) ([]piece, bool) {
	left, right := t.says("left_delimiter"), t.says("right_delimiter")
	if left == "" {
		left = "{{"
	}
	if right == "" {
		right = "}}"
	}
	if _, line := t.field("source"); t.any("source") {
		r.leave(line, t.path("source"), "the template is in a file of its own: put its text into contents, and import again")
		return nil, false
	}
	c := t.block("contents")
	if !c.scalar || c.text == "" {
		r.leave(t.line, t.path("contents"), "there is none")
		return nil, false
	}
	if !strings.Contains(c.text, left) {
		r.leave(c.line, t.path("contents"), "no key is in it")
		return nil, false
	}
	return r.readTemplate(c.text, left, right, c.first), true
}

// template reads a block that writes one file.
func (r *reader) template(t *node) {
	t.ignore("error_on_missing_key", "error_fatal", "command_timeout")
	pieces, ok := r.contents(t)
	path, line := t.field("destination")
	e := draft.Entry{Notes: []string{fmt.Sprintf("From line %d of the %s config.", t.line, r.Tool)}}
	r.place(t, &e)
	r.onChange(t, &e)
	if !ok {
		return
	}
	if !filepath.IsAbs(path) {
		r.leave(line, t.path("destination"), "livekey writes to absolute paths")
		return
	}
	e.Name = r.sinkName(path)
	all, literals, other := assignments(pieces)
	v, alone := onlyValue(pieces)
	switch {
	case len(all) > 0:
		e.Fields = append([]draft.Field{
			{Name: "kind", Value: "env_file"},
			{Name: "path", Value: draft.Text(path)},
			{Name: "dialect", Value: "systemd", Note: "or docker, dotenv, shell: who reads it"},
			{Name: "adopt", Value: "true", Note: "takes over the file that is there"},
		}, e.Fields...)
		for _, a := range all {
			r.variable(a.name, e.Name, a.value)
		}
	case alone:
		name := filepath.Base(path)
		if !variableName.MatchString(name) {
			name = "KEY_" + regexp.MustCompile(`[^A-Za-z0-9_]`).ReplaceAllString(name, "_")
		}
		e.Fields = append([]draft.Field{
			{Name: "kind", Value: "directory"},
			{Name: "path", Value: draft.Text(filepath.Join(r.run, "sinks", e.Name)), Note: "one file for each variable"},
		}, e.Fields...)
		r.leave(line, t.path("destination"), "the app reads "+name+" in the folder of the sink from now on, or a symbolic link to it")
		r.variable(name, e.Name, v)
	default:
		r.leave(t.line, "template", noTemplates)
		return
	}
	for _, name := range literals {
		r.leave(t.line, "template: "+name, "a text of the template itself, and no key: put it into another env file")
	}
	if other && len(all) > 0 {
		r.leave(t.line, "template", "some of its lines are no NAME=value: "+noTemplates)
	}
	r.Sinks = append(r.Sinks, e)
	r.taken[e.Name] = true
}

// place reads mode and owner of a file.
func (r *reader) place(t *node, e *draft.Entry) {
	if perms, line := t.field("perms"); perms != "" {
		mode := "0" + strings.TrimLeft(perms, "0")
		if slices.Contains([]string{"0400", "0440", "0600", "0640", "0660"}, mode) {
			e.Set("mode", draft.Text(mode))
		} else {
			r.leave(line, t.path("perms"), "a file of keys is never for every user: it is 0600; give the sink a group, and 0640")
		}
	}
	for from, to := range map[string]string{"user": "owner", "group": "group"} {
		if text, line := t.field(from); accountName.MatchString(text) {
			e.Set(to, draft.Text(text))
		} else if text != "" {
			r.leave(line, t.path(from), "no name of an account")
		}
	}
	slices.SortFunc(e.Fields, func(a, b draft.Field) int { return -strings.Compare(a.Name, b.Name) })
	r.drop(t, "name the account by its name", "uid", "gid")
	if text, line := t.field("create_dest_dirs"); text == "true" {
		r.leave(line, t.path("create_dest_dirs"), "livekey makes folders below /run/livekey alone: make this one by hand")
	}
	if text, line := t.field("backup"); text == "true" {
		r.leave(line, t.path("backup"), "livekey keeps no copy of an old key on the disk")
	}
	r.drop(t, "livekey writes where its config says, and nowhere else", "sandbox_path")
	r.drop(t, "livekey has no templates", "function_denylist", "function_blacklist")
}

var accountName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// onChange reads what is run once a file changed.
func (r *reader) onChange(t *node, e *draft.Entry) {
	line := t.line
	var words []string
	x := t.block("exec")
	for _, at := range []*node{t, x} {
		for _, c := range at.take("command") {
			line = c.line
			if words = c.list(); c.scalar {
				words = strings.Fields(c.text)
			}
		}
	}
	x.ignore("timeout", "enabled", "reload_signal", "kill_signal", "kill_timeout", "splay", "env")
	var wait []draft.Value
	for _, w := range t.take("wait") {
		wait = nil
		for _, name := range []string{"min", "max"} {
			if text, at := w.field(name); isSpan(text) {
				wait = append(wait, draft.Pair(name, draft.Value(text)))
			} else if text != "" {
				r.leave(at, w.path(name), "no duration that livekey knows")
			}
		}
	}
	if len(words) == 0 {
		if len(wait) > 0 {
			r.leave(line, t.path("wait"), "livekey waits before it tells somebody, and nobody is to be told")
		}
		return
	}
	told := toldBy(words)
	if told == nil {
		r.leave(line, t.path("command"), "livekey runs no shell, and hands no value to a program: name a service, a signal or a program with an absolute path in on_change: docs/reload.md")
		return
	}
	if len(wait) > 0 {
		told = append(told, draft.Pair("wait", draft.Map(wait...)))
	}
	e.Set("on_change", draft.Map(told...))
}

var serviceName = regexp.MustCompile(`^[A-Za-z0-9@_.:-]{1,200}$`)

var (
	// plainWord means the same with a shell and without.
	plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,-]{1,60}$`)
	// argument has the form of a path, an option, a word, a signal or a small number: not
	// that of a value, which must be in no config and in no argv.
	argument = regexp.MustCompile(`^(?:/[A-Za-z0-9_./@-]{0,59}|--?[a-z][a-z-]{0,19}|-[A-Z]{1,8}|[a-z][a-z_.-]{0,19}|[A-Z]{2,8}|[0-9]{1,5})$`)
	// hiding is an option that a value follows, whatever its form.
	hiding = regexp.MustCompile(`(?i)^-.*(?:token|secret|pass|key|auth|cred|bearer|user)`)
)

// toldBy is a command as on_change says it; nil if it is more than livekey runs.
func toldBy(words []string) []draft.Value {
	if filepath.Base(words[0]) == "sudo" {
		return nil
	}
	if filepath.Base(words[0]) == "systemctl" {
		if len(words) != 3 || !serviceName.MatchString(words[2]) || strings.HasPrefix(words[2], "-") {
			return nil
		}
		service := words[2]
		if !strings.Contains(service, ".") {
			service += ".service"
		}
		if !strings.HasSuffix(service, ".service") {
			return nil
		}
		pairs := []draft.Value{draft.Pair("systemd", draft.Text(service))}
		switch words[1] {
		case "restart", "try-restart":
		case "reload":
			pairs = append(pairs, draft.Pair("action", "reload"))
		case "reload-or-restart", "try-reload-or-restart":
			pairs = append(pairs, draft.Pair("action", "reload-or-restart"))
		default:
			return nil
		}
		return pairs
	}
	if !filepath.IsAbs(words[0]) || slices.Contains([]string{"sh", "bash", "dash", "env"}, filepath.Base(words[0])) {
		return nil
	}
	for _, w := range words {
		if !argument.MatchString(w) || hiding.MatchString(w) {
			return nil
		}
	}
	return []draft.Value{draft.Pair("exec", draft.Words(words))}
}

// exec reads the program that a tool starts with its variables.
func (r *reader) exec(root *node) {
	for _, x := range root.take("exec") {
		for _, c := range x.take("command") {
			if words := c.list(); len(words) > 0 {
				r.Command = words
			} else if c.scalar {
				r.Command = strings.Fields(c.text)
			}
		}
		if len(r.Command) > 0 && !plainWord.MatchString(r.Command[0]) { // such as TOKEN=value app
			r.Command[0] = "PROGRAM"
		}
		if text, _ := x.field("restart_on_secret_changes"); text == "never" {
			r.Never = true
		}
		r.drop(x, "livekey exec ends the program with TERM, and KILL after --stop-timeout", "restart_stop_signal", "kill_signal", "kill_timeout")
		r.drop(x, "livekey exec --on-change signal:NAME", "reload_signal")
		r.drop(x, "livekey exec --pristine, --allow and --deny say what else the program gets: docs/run-a-command.md", "env")
		r.drop(x, "livekey exec restarts at once", "splay")
		x.ignore("enabled", "timeout")
	}
}

// sinkName is a name for the file at path that no other sink has.
func (r *reader) sinkName(path string) string {
	base, _, _ := strings.Cut(strings.TrimLeft(filepath.Base(path), "."), ".")
	base = regexp.MustCompile(`[^A-Za-z0-9_-]`).ReplaceAllString(base, "_")
	if base == "" || !regexp.MustCompile(`^[A-Za-z_]`).MatchString(base) {
		base = "sink_" + base
	}
	base = base[:min(len(base), 40)]
	name := base
	for i := max(2, r.tried[base]); r.taken[name]; i++ { // from where it ended the last time
		r.tried[base] = i
		name = fmt.Sprintf("%s_%d", base, i)
	}
	return name
}

// isSpan says whether a duration is one that livekey's config takes.
func isSpan(text string) bool {
	d, err := time.ParseDuration(text)
	return err == nil && d > 0 && regexp.MustCompile(`^[0-9]+(ms|s|m|h)$`).MatchString(text)
}
