package doctor

import (
	"bytes"
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/normalize"
)

// Assignment is a line of a shell's start-up file that sets a variable.
type Assignment struct {
	File     string
	Line     int  // from 1
	Exported bool // programs get it
	Empty    bool // to nothing
}

// startup are the files that shells read, and what sets the environment of a login, below
// a user's home or at the root. All that the last group sets is passed on.
var (
	ofHome = []string{
		".profile", ".bash_profile", ".bash_login", ".bashrc", ".bash_aliases", ".zshenv", ".zprofile", ".zshrc", ".zlogin",
		".kshrc", ".config/fish/config.fish", ".config/fish/conf.d/*.fish", ".envrc",
	}
	ofRoot   = []string{"etc/profile", "etc/profile.d/*.sh", "etc/bash.bashrc", "etc/bashrc", "etc/zsh/zshenv", "etc/zsh/zprofile", "etc/zsh/zshrc"}
	passedOn = []string{"etc/environment", "etc/environment.d/*.conf"}
)

// maxStartup is the size of a file that is looked into, in bytes.
const maxStartup = 1 << 20

// Profile looks for a variable in the start-up files of the user whose home it is. Files that
// are not there, or not open to the caller, say nothing.
func Profile(root, home, variable string) (found []Assignment) {
	eachStartup(root, home, func(file string, text []byte, exported bool) {
		for _, a := range assignments(text, variable) {
			a.File = file
			a.Exported = a.Exported || exported
			found = append(found, a)
		}
	})
	return found
}

// Profiled are the names that those files set, of those that are wanted.
func Profiled(root, home string, wanted func(name string) bool) []string {
	names := map[string]bool{}
	eachStartup(root, home, func(_ string, text []byte, _ bool) {
		for line := range bytes.Lines(text) {
			for words := range commands(line) {
				for _, w := range words {
					if name := cmp.Or(normalize.Assigned(w), string(w)); len(name) < longestName && wanted(name) && len(assignments(line, name)) > 0 {
						names[name] = true
					}
				}
			}
		}
	})
	return slices.Sorted(maps.Keys(names))
}

// longestName is what no variable's name exceeds, in bytes.
const longestName = 128

// eachStartup calls f with each file; exported says that all of it is passed on.
func eachStartup(root, home string, f func(file string, text []byte, exported bool)) {
	look := func(base string, patterns []string, exported bool) {
		for _, pattern := range patterns {
			files, _ := filepath.Glob(filepath.Join(base, pattern)) // the patterns are good
			for _, file := range files {
				info, err := os.Stat(file)
				if err != nil || !info.Mode().IsRegular() || info.Size() > maxStartup {
					continue
				}
				if text, err := os.ReadFile(file); err == nil {
					f(file, text, exported)
					clear(text)
				}
			}
		}
	}
	if home != "" {
		look(home, ofHome, false)
		look(home, []string{".config/environment.d/*.conf", ".pam_environment"}, true)
	}
	look(root, ofRoot, false)
	look(root, passedOn, true)
}

// assignments are the lines of a script that set a variable for what comes after them. It
// knows the ways of sh, bash, zsh, fish and csh to say so, and nothing of conditions.
func assignments(text []byte, variable string) (found []Assignment) {
	all := false // set -a: every assignment from here on is exported
	number := 0
	for line := range bytes.Lines(text) {
		number++
		for command := range commands(line) {
			s := readCommand(command, variable)
			all = (all || s.exportsAll) && !s.exportsNone
			switch {
			case s.sets:
				found = append(found, Assignment{Line: number, Exported: s.exports || all, Empty: s.empty})
			case s.exports:
				for i := range found {
					found[i].Exported = true
				}
			}
		}
	}
	return found
}

// statement is what one command does to a variable.
type statement struct {
	sets, empty, exports    bool
	exportsAll, exportsNone bool
}

func readCommand(words [][]byte, variable string) (s statement) {
	if len(words) == 0 {
		return s
	}
	first, rest := string(words[0]), words[1:]
	flags := func() string {
		var b strings.Builder
		for len(rest) > 0 && bytes.HasPrefix(rest[0], []byte("-")) {
			b.Write(rest[0])
			rest = rest[1:]
		}
		return b.String()
	}
	switch first {
	case "export":
		flags()
		s.exports = true
	case "declare", "typeset", "local", "readonly":
		s.exports = strings.Contains(flags(), "x")
	case "setenv": // csh
		s.exports = true
		return s.named(rest, variable)
	case "set":
		bare := len(rest) > 0 && string(rest[0]) == "+a"
		given := flags()
		option := len(rest) > 0 && string(rest[0]) == "allexport"
		s.exportsAll, s.exportsNone = given == "-a" || given == "-o" && option, bare
		if !s.exportsAll && !bare { // fish
			s.exports = strings.Contains(given, "x")
			return s.named(rest, variable)
		}
		return s
	default:
		rest = words
		for _, w := range words { // A=1 program: for that program alone
			if normalize.Assigned(w) == "" {
				return s
			}
		}
	}
	hit := false
	for _, w := range rest {
		switch {
		case string(w) == variable:
			hit = true
		case normalize.Assigned(w) == variable:
			_, value, _ := bytes.Cut(w, []byte("="))
			hit, s.sets, s.empty = true, true, len(bytes.Trim(value, `"'`)) == 0
		}
	}
	s.exports = s.exports && hit
	return s
}

// named is a statement of the form NAME VALUE.
func (s statement) named(words [][]byte, variable string) statement {
	if len(words) == 0 || string(words[0]) != variable {
		return statement{}
	}
	s.sets = true
	s.empty = len(words) == 1 || len(bytes.Trim(bytes.Join(words[1:], nil), `"'`)) == 0
	return s
}

// commands splits a line where a shell does: into commands, and those into words with their
// quotes. A quote that does not end, ends with the line.
func commands(line []byte) func(yield func([][]byte) bool) {
	return func(yield func([][]byte) bool) {
		var words [][]byte
		start, quote := -1, byte(0)
		end := func(i int) {
			if start >= 0 {
				words = append(words, line[start:i])
			}
			start = -1
		}
		for i, c := range line {
			switch {
			case quote != 0:
				if c == quote {
					quote = 0
				}
				continue
			case c == '\'' || c == '"':
				quote = c
			case slices.Contains([]byte(" \t\r\n"), c):
				end(i)
				continue
			case c == '#' && start < 0:
				if len(words) > 0 {
					yield(words)
				}
				return
			case c == ';' || c == '&' || c == '|':
				end(i)
				if len(words) > 0 && !yield(words) {
					return
				}
				words = nil
				continue
			}
			if start < 0 {
				start = i
			}
		}
		end(len(line))
		if len(words) > 0 {
			yield(words)
		}
	}
}

// ReadShellFile says whether an env file is written for a shell, and whether the programs
// of that shell get the variable.
func ReadShellFile(file string, text []byte, variable string) ShellFile {
	var s ShellFile
	s.Sourced = bytes.HasPrefix(text, []byte("#!")) || slices.Contains([]string{".sh", ".bash", ".zsh", ".envrc", ".fish"}, filepath.Ext(file)) ||
		bytes.HasPrefix(text, []byte("export ")) || bytes.Contains(text, []byte("\nexport "))
	for _, a := range assignments(text, variable) {
		s.Line, s.Exported = a.Line, a.Exported // the last one counts
	}
	return s
}

// FileSettings are the variables of an env file. Of those in plain it tells the value, of
// every other that it is Set, or "" if it is empty.
func FileSettings(text []byte, plain []string) map[string]string {
	all := map[string]string{}
	for line := range bytes.Lines(text) {
		name := normalize.Assigned(line)
		_, value, _ := bytes.Cut(line, []byte("="))
		value = bytes.Trim(bytes.TrimSpace(value), `"'`)
		switch {
		case name == "":
		case len(value) == 0:
			all[name] = ""
		case slices.Contains(plain, name):
			all[name] = string(value)
		default:
			all[name] = Set
		}
	}
	return all
}

// Set stands for a credential of which nobody wants more than that it is there.
const Set = "set"
