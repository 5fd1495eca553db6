package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/ui"
)

// alertDrain is how long `once` waits for alert channels at its end. What is not
// sent by then stays in the journal for the next run.
const alertDrain = 5 * time.Second

func (a *app) once() *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:   "once",
		Short: "Fetch, prove, deliver, exit: for init containers, cron and CI",
		Long: "Fetch, prove, deliver, exit. The exit code judges what the sinks hold at the end:\n" +
			"a refused candidate over a good last version is 0 with a warning, or 3 with\n--strict.",
		Args: expects(0, 0, "nothing"),
	}
	output := outputFlag(cmd)
	cmd.Flags().BoolVar(&strict, "strict", false, "exit 3 if a candidate was refused over a good version")
	cmd.RunE = act(func(ctx context.Context, _ []string) (err error) {
		s, err := a.start()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.close()) }()
		if err := s.Once(ctx, alertDrain); err != nil {
			return err
		}
		status := s.Status()
		if err := a.printStatus(status, *output); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return errInterrupted
		}
		return exit(worst(judge(status), a.refused(status, strict)))
	})
	return cmd
}

// refused warns of what is not delivered, and if strict counts candidates that
// stay outside while a good version is in the sinks.
func (a *app) refused(s report.Status, strict bool) code {
	c := ok
	for _, k := range s.Keys {
		if k.Current == nil {
			a.note("%s %s", a.err.Paint(ui.Bad, "livekey:"), why(k))
			continue
		}
		if k.Candidate == nil {
			continue
		}
		v := k.Candidate
		a.note("%s %s: candidate %s not delivered: outcome=%s reason=%s %s; the version before it stays",
			a.err.Paint(ui.Warn, "warning:"), k.Name, v.Fingerprint, v.Outcome, v.Reason, ui.Clean(v.Detail))
		if strict && !k.Optional {
			c = notLive
		}
	}
	return c
}

// why says in one line what keeps a key from its sinks.
func why(k report.Key) string {
	switch {
	case k.Current != nil:
		return ""
	case k.Candidate != nil:
		c := k.Candidate
		return fmt.Sprintf("%s not delivered: outcome=%s reason=%s %s", k.Name, c.Outcome, c.Reason, ui.Clean(c.Detail))
	case k.SourceError != "":
		return fmt.Sprintf("%s not delivered: %s", k.Name, ui.Clean(k.SourceError))
	default:
		return fmt.Sprintf("%s not delivered: its source has no such record", k.Name)
	}
}
