package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/ui"
)

func (a *app) whoHas() *cobra.Command {
	var pasted bool
	cmd := &cobra.Command{
		Use:   "who-has [NAME]",
		Short: "Processes, units, containers and files that hold which version",
		Long: "Processes that were started with a version of the key NAME, or of any key, with\n" +
			"the unit, container or pod of each; files; environment blocks of systemd; and\n" +
			"what to do about those with an old one. Where livekey may not look it says so:\n" +
			"that somebody is not in the list proves nothing.\n\n" +
			"With --fingerprint-of-stdin, who has the key that you paste: is it one that\n" +
			"livekey knows, is it still delivered, who was started with it? The value goes to\n" +
			"the daemon on this machine, to be compared, and nowhere else.",
		Args: expects(0, 1, "at most one name of a key"),
	}
	output := outputFlag(cmd)
	cmd.Flags().BoolVar(&pasted, "fingerprint-of-stdin", false, "who has the key on standard input")
	cmd.RunE = act(func(ctx context.Context, args []string) error {
		if pasted && len(args) > 0 { // it may be a version of another key
			return misused("--fingerprint-of-stdin tells which key it is: leave NAME out")
		}
		daemon, err := a.daemon()
		if err != nil {
			return err
		}
		name := oneName(args)
		var v secret.Value
		if pasted {
			var wipe func()
			v, wipe, err = a.pasted(ctx)
			defer wipe()
			if err != nil {
				return err
			}
		}
		w, err := daemon.WhoHas(ctx, name, v)
		if errors.Is(err, admin.ErrConflict) { // nobody may look: neither yes nor no
			return &exitError{unknown, err}
		}
		if err != nil {
			return err
		}
		if *output == "json" {
			return a.printJSON(w)
		}
		return a.whoHasText(name, w, time.Now())
	})
	return cmd
}

// pasted reads a key from standard input, of a terminal one line, which it does not show.
func (a *app) pasted(ctx context.Context) (v secret.Value, wipe func(), err error) {
	in := a.in
	show, hidden := ui.HideTyping(a.in)
	if hidden {
		defer a.note("") // the newline was not shown either
		defer show()
		a.note("paste the key, which is not shown, and press Enter:")
		in = &aLine{in: a.in}
	}
	type read struct {
		v    secret.Value
		wipe func()
		err  error
	}
	done := make(chan read, 1)
	go func() { // a terminal gives nothing until somebody ends a line, and cannot be told to stop
		v, wipe, err := admin.ReadPasted(in)
		done <- read{v, wipe, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			r.err = misused("standard input: %w", r.err)
		}
		return r.v, r.wipe, r.err
	case <-ctx.Done():
		return secret.Value{}, func() {}, fmt.Errorf("read standard input: %w", ctx.Err())
	}
}

// aLine is what a terminal gives until somebody presses Enter.
type aLine struct {
	in  io.Reader
	end bool
}

func (l *aLine) Read(b []byte) (int, error) {
	if l.end {
		return 0, io.EOF
	}
	l.end = true
	return l.in.Read(b)
}
