// Command writer does one delivery to one sink, on one thread and as a process
// that another can kill at any system call. It is for the tests beside it.
//
//	writer -kind env_file|directory -path P [-settings YAML] NAME=VALUE…
//
// It prints "committed" once the delivery returned, and "noticed: …" where the
// sink reported an error.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/directory"
	"github.com/livekey/livekey/sinks/envfile"
)

// One thread makes all file calls, so the n-th call of a kind is the same in
// every run.
func init() { runtime.LockOSThread() } //nolint:gochecknoinits // only an init keeps main on the first thread

var kinds = map[string]func(sinks.Env, config.Node) (sinks.Sink, error){
	"env_file":  envfile.FromConfig,
	"directory": directory.FromConfig,
}

func main() {
	kind := flag.String("kind", "env_file", "kind of the sink")
	path := flag.String("path", "", "path of the sink")
	settings := flag.String("settings", "", "further settings, as YAML")
	flag.Parse()
	if err := run(*kind, *path, *settings, flag.Args()); err != nil {
		fmt.Println("noticed:", err)
		os.Exit(1)
	}
	fmt.Println("committed")
}

func run(kind, path, settings string, values []string) error {
	n, err := config.Parse("writer.yaml", "sinks.writer", "path: "+path+"\n"+settings+"\n")
	if err != nil {
		return err
	}
	env := sinks.Env{Name: "writer", Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	s, err := kinds[kind](env, n)
	if err != nil {
		return err
	}
	entries, err := proved(values)
	if err != nil {
		return err
	}
	mark("begins")
	_, err = s.Write(hurried{context.Background()}, entries)
	mark("ends")
	return err
}

// hurried cuts the wait for readers of an old generation short, and nothing else.
type hurried struct{ context.Context } //nolint:containedctx // it is a context: the one it holds, but for Done

func (hurried) Done() <-chan struct{} { return closed }

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// mark makes a system call that a trace shows: file calls outside of the two are
// not the delivery's.
func mark(what string) { _, _ = os.Lstat("/livekey-delivery-" + what) }

func proved(values []string) ([]sinks.Entry, error) {
	h := secret.NewHasher(secret.New([]byte("the salt of the crash tests")))
	var all []sinks.Entry
	for _, v := range values {
		name, value, _ := strings.Cut(v, "=")
		m := proof.New(h, key.Name(name), "", map[key.Part]secret.Value{key.DefaultPart: secret.New([]byte(value))})
		p, err := proof.Prove(m, key.Verdict{Outcome: key.Live, Reason: key.Valid, Fingerprint: m.Fingerprint})
		if err != nil {
			return nil, err
		}
		all = append(all, sinks.Entry{Variable: name, Part: key.DefaultPart, From: p})
	}
	return all, nil
}
