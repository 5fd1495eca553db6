// Command app is what a user has in a pod, as far as keys are concerned: it reads them from
// an env file or from a folder, calls their issuer with each new one, and says on standard
// output, as a line of JSON, what it saw. A file that is not there when it starts is an
// error, as it is to most programs. Without a file it does nothing until it is stopped.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// lookEvery is how soon a change is seen. It bounds how exactly the tests can measure.
const lookEvery = 5 * time.Millisecond

// A line is what the app says.
type line struct {
	At      time.Time         `json:"at"`
	Event   string            `json:"event"` // started, read, called, failed or stopped
	Keys    map[string]string `json:"keys,omitempty"`
	Key     string            `json:"key,omitempty"`
	Status  int               `json:"status,omitempty"`
	Problem string            `json:"problem,omitempty"`
}

func main() {
	file := flag.String("file", "", "an env file, or a folder with a file for each variable")
	issuer := flag.String("issuer", "", "URL that is called with each new key")
	export := flag.Bool("export", false, "first put the keys into the environment, as many entry points do")
	variable := flag.String("env", "", "say what this variable has, instead of reading a file")
	drain := flag.Duration("drain", 0, "how long it works on when it is stopped")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if *variable != "" {
		say(line{Event: "started", Keys: fingerprints(map[string]string{*variable: os.Getenv(*variable)})})
	}
	if *file == "" {
		<-ctx.Done()
		return
	}
	run := func() error {
		if err := follow(ctx, *file, *issuer); err != nil {
			return err
		}
		time.Sleep(*drain)
		keys, err := read(*file)
		say(line{Event: "stopped", Keys: fingerprints(keys)})
		return err
	}
	if *export {
		run = func() error { return exported(*file, *issuer) }
	}
	if err := run(); err != nil {
		say(line{Event: "failed", Problem: err.Error()})
		os.Exit(1)
	}
}

// exported becomes an app that was started with its keys in the environment.
func exported(file, issuer string) error {
	keys, err := read(file)
	if err != nil {
		return err
	}
	env := os.Environ()
	for name, value := range keys {
		env = append(env, name+"="+value)
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(program, []string{program, "-file", file, "-issuer", issuer}, env)
}

func say(l line) {
	l.At = time.Now()
	_ = json.NewEncoder(os.Stdout).Encode(l)
}

// follow uses the keys of a file until ctx is done.
func follow(ctx context.Context, file, issuer string) error {
	keys, err := read(file)
	if err != nil {
		return err
	}
	say(line{Event: "started", Keys: fingerprints(keys)})
	var last map[string]string
	for {
		for name, value := range keys {
			if issuer != "" && last[name] != value {
				call(ctx, issuer, name, value)
			}
		}
		last = keys
		for same(keys, last) {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(lookEvery):
			}
			if keys, err = read(file); err != nil {
				return err
			}
		}
		say(line{Event: "read", Keys: fingerprints(keys)})
	}
}

// read returns the variables of an env file, or of a folder's files.
func read(path string) (map[string]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	keys := map[string]string{}
	if info.IsDir() {
		files, err := filepath.Glob(filepath.Join(path, "[A-Z]*"))
		for _, f := range files {
			value, err := os.ReadFile(f)
			if err != nil {
				return nil, err
			}
			keys[filepath.Base(f)] = string(value)
		}
		return keys, err
	}
	text, err := os.ReadFile(path)
	for l := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(strings.TrimSpace(l), "="); found && !strings.HasPrefix(name, "#") {
			keys[name] = strings.Trim(value, `"'`)
		}
	}
	return keys, err
}

func same(a, b map[string]string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// fingerprints are what may be said of keys: a log is no place for values, not even here.
func fingerprints(keys map[string]string) map[string]string {
	all := map[string]string{}
	for name, value := range keys {
		sum := sha256.Sum256([]byte(value))
		all[name] = hex.EncodeToString(sum[:6])
	}
	return all
}

// call is one use of a key.
func call(ctx context.Context, issuer, name, value string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, issuer+"/v1/models", nil)
	if err != nil {
		say(line{Event: "failed", Key: name, Problem: err.Error()})
		return
	}
	req.Header.Set("X-Api-Key", value)
	req.Header.Set("Anthropic-Version", "2023-06-01")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		say(line{Event: "failed", Key: name, Problem: err.Error()})
		return
	}
	_ = resp.Body.Close()
	say(line{Event: "called", Key: name, Status: resp.StatusCode})
}
