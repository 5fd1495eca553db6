package drill

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A reader is an app that reads both sinks again and again, thousands of times a second,
// and remembers every content that it ever saw.
type reader struct {
	env, dir string   // the env file, the directory sink
	names    []string // variables

	mu       sync.Mutex
	reads    int
	seen     map[sighting]int
	vanished map[string]int // by sink: not there, after it had been
}

// A sighting is one content of one sink, as bytes: a mix of two is one more.
type sighting struct{ sink, content string }

func newReader(env, dir string, names []string) *reader {
	return &reader{env: env, dir: dir, names: names, seen: map[sighting]int{}, vanished: map[string]int{}}
}

// run reads until stop is closed.
func (r *reader) run(stop <-chan struct{}) {
	there := map[string]bool{}
	for {
		select {
		case <-stop:
			return
		default:
		}
		env, err := os.ReadFile(r.env)
		r.note(there, "env file", string(env), err)
		files, err := r.directory()
		r.note(there, "directory", files, err)
		time.Sleep(20 * time.Microsecond) // leaves a processor to those who are watched
	}
}

func (r *reader) note(there map[string]bool, sink, content string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		there[sink] = true
		r.reads++
		r.seen[sighting{sink, content}]++
	case there[sink]:
		r.vanished[sink]++
	}
}

// directory reads all files through one open of ..data, in the form of an env
// file. A generation that is removed while it is being read is no mix: the app
// begins anew, a few times.
func (r *reader) directory() (content string, err error) {
	for range 5 {
		if content, err = r.generation(); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return content, err
}

func (r *reader) generation() (string, error) {
	root, err := os.OpenRoot(filepath.Join(r.dir, "..data"))
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }()
	var all strings.Builder
	for _, name := range r.names {
		b, err := root.ReadFile(name)
		if err != nil {
			return "", err
		}
		all.WriteString(name + "=" + string(b) + "\n")
	}
	return all.String(), nil
}

// look is one read of both sinks, for a judge. A sink that is not there is nil.
func (r *reader) look() (env, files map[string]string) {
	if b, err := os.ReadFile(r.env); err == nil {
		env, _ = parse(string(b))
	}
	if content, err := r.directory(); err == nil {
		files, _ = parse(content)
	}
	return env, files
}

// parse reads an env file as its consumers do: comments, then NAME=value lines,
// the last of them ended.
func parse(content string) (map[string]string, error) {
	body, ended := strings.CutSuffix(content, "\n")
	if !ended {
		return nil, errors.New("the last line has no end")
	}
	values := map[string]string{}
	for line := range strings.SplitSeq(body, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, errors.New("a line without =")
		}
		values[name] = unquote(value)
	}
	return values, nil
}

func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// verdict judges everything that was ever seen. allowed are the values that may
// be delivered, refused those that must not be.
func (r *reader) verdict(allowed, refused map[string]bool) []claim {
	r.mu.Lock()
	defer r.mu.Unlock()
	for sink, n := range r.vanished {
		return []claim{{"P6", false, fmt.Sprintf("the %s was gone in %d reads after it had been there", sink, n)}}
	}
	for s := range r.seen {
		values, err := parse(s.content)
		if err != nil {
			return []claim{{"P6", false, fmt.Sprintf("the %s was seen half written: %v", s.sink, err)}}
		}
		for _, name := range r.names {
			switch v := values[name]; {
			case refused[v]:
				return []claim{{"P1", false, fmt.Sprintf("the %s was seen with a value of %s that was refused", s.sink, name)}}
			case !allowed[v]:
				return []claim{{"P6", false, fmt.Sprintf("the %s was seen with a mix in %s", s.sink, name)}}
			}
		}
	}
	if r.reads == 0 {
		return []claim{{"P6", false, "nothing was ever read"}}
	}
	return []claim{
		{"P1", true, "no reader ever saw a value that was not proved"},
		{"P6", true, fmt.Sprintf("%d reads saw %d contents, each of them whole", r.reads, len(r.seen))},
	}
}
