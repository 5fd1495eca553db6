package holders

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fix says what ends a sighting of an old version: a command where there is one that
// does, else what to do. sink is a path that has the key, for those who should read it
// there; all is what the same look saw. It holds names, never a value; whoever owns what was
// seen chose them, so that each stands in it as one word of a shell, whatever is in it.
//
// It never says to start anything again that would get the same environment: whoever
// passes the old one on comes first.
func Fix(s Sighting, all []Sighting, sink string) string {
	switch s.Kind {
	case InFile:
		return fmt.Sprintf("take the key out of %s, and have its reader use %s", word(s.Path), orSink(sink))
	case InUnit:
		return unitBlock(s, sink)
	case InManager:
		return systemctl(s) + " unset-environment " + word(s.Variable)
	case OneFile:
		return fmt.Sprintf("mount the folder %s, not the single file, then %s", word(filepath.Dir(s.Path)), recreate(s))
	case OldInode:
		return again(s)
	default:
		return started(s, all, sink)
	}
}

// started is about a process that has the old version in its environment.
func started(s Sighting, all []Sighting, sink string) string {
	block, passed := passedOn(s, all)
	switch {
	case passed && block.Kind == InUnit:
		return unitBlock(block, sink)
	case passed:
		return Fix(block, nil, sink) + ", then " + again(s)
	case s.Pod != "", s.Container != "":
		return recreate(s)
	case service(s.UserUnit), s.UserUnit == "" && service(s.Unit):
		return again(s)
	case len(s.Exporters) > 0:
		return exported(s)
	case shells[program(s.Command)]:
		return fmt.Sprintf("open a new shell: this one (pid %d, %s) still exports %s", s.PID, program(s.Command), word(s.Variable))
	default:
		return again(s)
	}
}

// passedOn is the environment block of systemd from which a unit has what it has.
func passedOn(s Sighting, all []Sighting) (Sighting, bool) {
	i := slices.IndexFunc(all, func(o Sighting) bool {
		if o.Print != s.Print || o.Variable != s.Variable {
			return false
		}
		ofUser, user := o.UID >= 0, service(s.UserUnit)
		return o.Kind == InUnit && o.Unit == s.Unit && o.UserUnit == "" && !user && service(s.Unit) ||
			o.Kind == InUnit && ofUser && user && o.UserUnit == s.UserUnit && o.UID == s.UID ||
			o.Kind == InManager && !ofUser && !user && service(s.Unit) ||
			o.Kind == InManager && ofUser && user && o.UID == s.UID
	})
	if i < 0 {
		return Sighting{}, false
	}
	return all[i], true
}

// again restarts a consumer that would read the new version.
func again(s Sighting) string {
	switch {
	case s.Pod != "":
		return recreate(s)
	case s.Container != "":
		return "docker restart " + word(short(s.Container))
	case service(s.UserUnit):
		return fmt.Sprintf("%s restart %s", systemctl(s), word(s.UserUnit))
	case s.UserUnit == "" && service(s.Unit):
		return "systemctl restart " + word(s.Unit)
	default:
		return fmt.Sprintf("restart %s (pid %d)", word(s.Command), s.PID)
	}
}

// recreate makes a container anew: a restart keeps its environment and its mounts.
func recreate(s Sighting) string {
	namespace, pod, named := strings.Cut(s.Pod, "/")
	switch {
	case named:
		return fmt.Sprintf("kubectl delete pod -n %s %s", word(namespace), word(pod))
	case s.Pod != "":
		return fmt.Sprintf("kubectl rollout restart the workload of the pod with uid %s", word(s.Pod))
	case s.Container != "":
		return fmt.Sprintf("make container %s anew (docker compose up -d --force-recreate): docker restart keeps its environment", word(short(s.Container)))
	default:
		return again(s)
	}
}

// unitBlock is about Environment= of a unit.
func unitBlock(s Sighting, sink string) string {
	where := s.Unit
	if s.UserUnit != "" {
		where = s.UserUnit
	}
	unit := where
	if s.Path != "" {
		where = s.Path
	}
	return fmt.Sprintf("replace %s in Environment= of %s by EnvironmentFile=%s, then %s daemon-reload, %s restart %s",
		word(s.Variable), word(where), orSink(sink), systemctl(s), systemctl(s), word(unit))
}

// passers are programs that pass their environment on to what they start, by name, and
// how each is made to stop that. A shell's is what its own user sees of it.
var passers = map[string]func(s Sighting, e Exporter) string{
	"tmux": func(s Sighting, _ Exporter) string {
		return fmt.Sprintf("tmux set-environment -gu %s, then tmux respawn-pane -k in each pane that has it", word(s.Variable))
	},
	"screen": func(s Sighting, _ Exporter) string {
		return fmt.Sprintf("screen -X unsetenv %s, then open a new window", word(s.Variable))
	},
	"pm2": func(s Sighting, _ Exporter) string {
		return fmt.Sprintf("load the new key into your shell, then pm2 restart %s --update-env", word(s.Command))
	},
	"supervisord": func(_ Sighting, e Exporter) string {
		return fmt.Sprintf("restart supervisord (pid %d): it passes its own environment on, whatever supervisorctl restarts", e.PID)
	},
	"systemd": func(s Sighting, e Exporter) string {
		if e.PID == 1 {
			return fmt.Sprintf("systemctl unset-environment %s, then restart %s (pid %d)", word(s.Variable), word(s.Command), s.PID)
		}
		return fmt.Sprintf("systemctl --user%s unset-environment %s, then restart %s (pid %d)", machine(s), word(s.Variable), word(s.Command), s.PID)
	},
}

// shells export what somebody typed or sourced.
var shells = map[string]bool{
	"sh": true, "bash": true, "zsh": true, "dash": true, "ash": true, "ksh": true, "mksh": true, "fish": true, "busybox": true,
}

// exported is about a process whose ancestors have the old version too. The outermost is
// where it comes from.
func exported(s Sighting) string {
	e := s.Exporters[len(s.Exporters)-1]
	name := program(e.Command)
	if fix, ok := passers[name]; ok {
		return fix(s, e)
	}
	if shells[name] {
		return fmt.Sprintf("open a new shell and start %s there: this one (pid %d, %s) still exports %s", word(s.Command), e.PID, name, word(s.Variable))
	}
	return fmt.Sprintf("restart %s (pid %d): it passes the old key on to what it starts", word(e.Command), e.PID)
}

// program is the name by which a program is known: "tmux: server" and "PM2 v5.4" carry more.
func program(command string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(command), "-"), " ")
	return strings.ToLower(strings.TrimSuffix(name, ":"))
}

// systemctl is the command that speaks to the manager of a unit.
func systemctl(s Sighting) string {
	if s.UserUnit != "" || s.Kind == InManager && s.UID > 0 {
		return "systemctl --user" + machine(s)
	}
	return "systemctl"
}

// machine names another user's manager to systemctl.
func machine(s Sighting) string {
	if s.User == "" {
		return ""
	}
	return " -M " + word(s.User+"@")
}

// service says whether a unit is restarted as one. A session's scope is not, and a
// user's manager takes everything of that user with it.
func service(unit string) bool {
	return strings.HasSuffix(unit, ".service") && !strings.HasPrefix(unit, "user@")
}

// short is as much of a container's id as people and docker use.
func short(id string) string { return id[:min(12, len(id))] }

func orSink(sink string) string {
	if sink == "" {
		return "a sink of livekey"
	}
	return word(sink)
}

// noWord stands for a name that no command can be given: no shell takes it for a command either.
const noWord = "(a name that no command takes)"

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./][A-Za-z0-9_@%+=:,./-]*$`)

// word is a name as a shell takes it for one word, and a program for no option.
func word(name string) string {
	switch {
	case plainWord.MatchString(name):
		return name
	case name == "", name[0] == '-', strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }):
		return noWord
	default:
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
}
