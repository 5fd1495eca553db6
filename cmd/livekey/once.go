package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/key"
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
		Long: "Fetch, prove, deliver, exit. The exit code judges what the sinks hold at the\n" +
			"end: a refused candidate over a good last version is 0 with a warning, or 3 with\n" +
			"--strict; a key that nobody could judge, delivered because the config says\n" +
			"on_unknown: publish_if_empty, is 0 with a warning, or 4 with --strict.",
		Args: expects(0, 0, "nothing"),
	}
	output := outputFlag(cmd)
	cmd.Flags().BoolVar(&strict, "strict", false, "refused and unproved versions count")
	cmd.RunE = act(func(ctx context.Context, _ []string) (err error) {
		s, g, err := a.start(false)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, g.close()) }()
		if s.keys == 0 { // who waits for keys must not go on without any
			return misused("the config has no keys, so there is nothing to deliver; %s", firstStep)
		}
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
		return exit(worst(judge(a.asDeclared(status, strict)), a.refused(status, strict)))
	})
	return cmd
}

// asDeclared is the status without keys that were delivered unproved because the config
// says so, of which it warns; if strict, the status as it is. An init container that failed
// for such a key would keep the pod from starting, which is what the config rules out.
func (a *app) asDeclared(s report.Status, strict bool) report.Status {
	left := s
	left.Keys = nil
	for _, k := range s.Keys {
		if c := k.Current; !strict && c != nil && c.Unproved != "" && c.Outcome == key.Unknown && len(failing(k.Sinks)) == 0 {
			if c.Reason != key.NoProvider {
				a.remark(ui.Warn, "warning:", "%s: %s delivered unproved: nobody could judge it (%s), and the sink was empty", k.Name, c.Fingerprint, c.Unproved)
			}
			continue
		}
		left.Keys = append(left.Keys, k)
	}
	return left
}

// refused warns of what is not delivered, and if strict counts candidates that
// stay outside while a good version is in the sinks.
func (a *app) refused(s report.Status, strict bool) code {
	c := ok
	for _, k := range s.Keys {
		if k.Current == nil {
			a.remark(ui.Bad, "livekey:", "%s", why(k))
			continue
		}
		if k.Candidate == nil {
			continue
		}
		v := k.Candidate
		a.remark(ui.Warn, "warning:", "%s: candidate %s not delivered: %s; the version before it stays", k.Name, v.Fingerprint, inFull(v))
		if strict && !k.Optional {
			c = notLive
		}
	}
	return c
}

// inFull is the verdict of a candidate, and what holds it where that is not the verdict.
func inFull(c *report.Candidate) string {
	text := fmt.Sprintf("outcome=%s reason=%s", c.Outcome, c.Reason)
	switch {
	case c.Outcome != key.Live || c.Reason == key.Blocked:
		if c.Detail != "" {
			text += " " + c.Detail
		}
	case c.HeldBy != "":
		text += ", held as " + c.HeldBy
	}
	return text
}

// failing is the first sink that failed, and how.
func failing(all []report.Sink) string {
	for _, s := range all {
		if s.Error != "" {
			return fmt.Sprintf("sink %s: %s", s.Name, s.Error)
		}
	}
	return ""
}

// why says in one line what keeps a key from its sinks.
func why(k report.Key) string {
	switch {
	case k.Current != nil:
		return ""
	case k.SourceError != "":
		return fmt.Sprintf("%s not delivered: %s", k.Name, ui.Clean(k.SourceError))
	case k.Missing || k.Candidate == nil:
		return fmt.Sprintf("%s not delivered: its source has no such record", k.Name)
	case k.Candidate.Outcome == key.Live && failing(k.Sinks) != "":
		return fmt.Sprintf("%s not delivered: %s", k.Name, ui.Clean(failing(k.Sinks)))
	default:
		return fmt.Sprintf("%s not delivered: %s", k.Name, ui.Clean(inFull(k.Candidate)))
	}
}
