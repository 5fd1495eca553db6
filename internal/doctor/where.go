package doctor

import (
	"fmt"
	"strings"
)

// type in a key without leaving it in the shell's history or on the screen.
func typeIn(variable string) string {
	return fmt.Sprintf("read -rs %s && export %s", variable, variable)
}

// there says whether the variable has something in it, as far as anybody looked.
func (e *Evidence) there() bool { return e.Set && !e.Empty }

func (e *Evidence) exported() (Assignment, bool) { return e.assigned(true) }

func (e *Evidence) assigned(exported bool) (Assignment, bool) {
	for _, a := range e.Profile {
		if a.Exported == exported && !a.Empty {
			return a, true
		}
	}
	return Assignment{}, false
}

func unset(e *Evidence) *sign {
	if e.Set || e.CI.Name != "" || e.unitLacks() || notExported(e) != nil || e.misnamed() != "" {
		return nil
	}
	s := &sign{seen: fmt.Sprintf("%s has no %s", e.At, e.Variable), fix: "set it", command: typeIn(e.Variable)}
	if len(e.Missing) > 0 {
		s.seen = fmt.Sprintf("%s has no %s", e.At, strings.Join(e.Missing, ", "))
		s.command = typeIn(e.Missing[0])
	}
	switch e.Place {
	case Config:
		s.seen = fmt.Sprintf("its source %s gave nothing: %s", e.Held.From, e.SourceErr)
		s.fix, s.command = "store the key there, or correct from:", "livekey config check"
	case EnvFile:
		s.fix, s.command = "add it to the file", e.edit()
	case Sink:
		s.fix, s.command = "name the key under keys: of the sink, and see why it is not delivered", "livekey status"
	case Process:
		s.seen += " in the environment that it was started with"
		s.fix, s.command = "give it the variable and start it again", e.restart()
	case Environment:
		if a, ok := e.exported(); ok {
			s.seen += fmt.Sprintf("; %s line %d exports it, so this shell was started before, or reads another file", a.File, a.Line)
			s.fix, s.command = "read that file, and start the program from there", ". "+Quote(a.File)
		}
	}
	return s
}

func notExported(e *Evidence) *sign {
	if e.Place == EnvFile {
		if !e.Set || !e.Shell.Sourced || e.Shell.Exported {
			return nil
		}
		return &sign{
			seen: fmt.Sprintf("%s line %d sets %s without export, and the file is written for a shell: programs that the shell starts do not get it",
				e.File, e.Shell.Line, e.Variable),
			fix: "write export before it, or read the file with set -a", command: fmt.Sprintf("set -a; . %s; set +a", Quote(e.File)),
		}
	}
	if e.Set || e.Place != Environment && e.Place != Process {
		return nil
	}
	if _, ok := e.exported(); ok {
		return nil
	}
	a, ok := e.assigned(false)
	if !ok {
		return nil
	}
	return &sign{
		seen: fmt.Sprintf("%s line %d sets %s without export: the shell has it, and no program that it starts", a.File, a.Line, e.Variable),
		fix:  "write export before it in that file, and in the shells that are open", command: "export " + e.Variable,
	}
}

func empty(e *Evidence) *sign {
	if !e.Set || !e.Empty || e.CI.Name != "" {
		return nil
	}
	s := &sign{seen: fmt.Sprintf("%s has %s with nothing in it", e.At, e.Variable), fix: "set it to the key", command: typeIn(e.Variable)}
	switch e.Place {
	case EnvFile:
		s.command = e.edit()
	case Process:
		s.fix, s.command = "give it the key and start it again", e.restart()
	case Config, Sink:
		s.fix, s.command = "store the key in "+e.Held.From, ""
	case Environment:
	}
	return s
}

// notInjected: a pipeline has no key that a person forgot to set, but one that was withheld.
func notInjected(e *Evidence) *sign {
	if e.CI.Name == "" || e.there() || e.Place != Environment {
		return nil
	}
	s := &sign{seen: fmt.Sprintf("this is %s, and %s is %s", e.CI.Name, e.Variable, map[bool]string{true: "empty", false: "not set"}[e.Set])}
	if e.CI.Why != "" {
		s.seen += "; " + e.CI.Why
	}
	if e.CI.Name == GitHubActions {
		s.fix = fmt.Sprintf("pass it to the step, env: {%s: ${{ secrets.%s }}}; secrets of an environment need environment: in the job, and forks and Dependabot get none",
			e.Variable, e.Variable)
		s.command = "gh secret list"
		return s
	}
	s.fix = "define it under Settings, CI/CD, Variables; a protected variable reaches protected branches and tags alone, one with an environment scope jobs with that environment:"
	s.command = "glab variable list"
	return s
}

// unitLacks says whether the unit was asked and has the variable from nowhere.
func (e *Evidence) unitLacks() bool { return e.Unit.Asked && !e.Unit.Absent && e.Unit.Has == "" }

func notInUnit(e *Evidence) *sign {
	if !e.unitLacks() {
		return nil
	}
	s := &sign{seen: fmt.Sprintf("%s has no %s: neither Environment= nor an EnvironmentFile=", e.Unit.Name, e.Variable)}
	switch a, ok := e.exported(); {
	case ok:
		s.seen += fmt.Sprintf("; %s line %d exports it, which systemd never reads", a.File, a.Line)
	case e.Place == Environment && e.there():
		s.seen += "; this shell has it, which systemd never reads"
	}
	if len(e.Unit.Unread) > 0 {
		s.seen += "; " + strings.Join(e.Unit.Unread, ", ") + " may have it, and this user may not read that"
		s.hint = true
	}
	s.fix = "give the unit an EnvironmentFile= that has it, such as a sink of livekey"
	s.command = "systemctl edit " + Quote(e.Unit.Name)
	return s
}

// edit opens the env file.
func (e *Evidence) edit() string { return "${EDITOR:-vi} " + Quote(e.File) }

// unsetting takes a setting away where it is. A program that reads an env file has the
// shell's variables too, and the setting may be one of those.
func (e *Evidence) unsetting(variable string) string {
	switch unit := e.Process.editUnit(); {
	case e.Place == EnvFile:
		return "unset " + variable + "; " + e.edit()
	case e.Place == Process && unit != "":
		return unit
	}
	return "unset " + variable
}

// naming gives what a variable has to another one as well.
func (e *Evidence) naming(variable, like string) string {
	switch unit := e.Process.editUnit(); {
	case e.Place == EnvFile:
		return e.edit()
	case e.Place == Process && unit != "":
		return unit
	}
	return fmt.Sprintf(`export %s="$%s"`, variable, like)
}

// editUnit changes what systemd starts the process with; "" if it did not start it.
func (p Running) editUnit() string {
	switch {
	case p.Unit != "":
		return "systemctl edit " + Quote(p.Unit)
	case p.UserUnit != "":
		return "systemctl --user edit " + Quote(p.UserUnit)
	}
	return ""
}

// restart is the command that starts a process again.
func (e *Evidence) restart() string {
	switch p := e.Process; {
	case p.Unit != "":
		return "systemctl restart " + Quote(p.Unit)
	case p.UserUnit != "":
		return "systemctl --user restart " + Quote(p.UserUnit)
	case p.PID != 0:
		return fmt.Sprintf("kill %d", p.PID)
	}
	return ""
}

// Quote makes one word of text for a shell.
func Quote(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+,=~", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
