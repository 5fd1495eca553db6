package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/atomicfile"
	"github.com/livekey/livekey/internal/evidence"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/trail"
	"github.com/livekey/livekey/internal/ui"
)

func (a *app) rotations() *cobra.Command {
	var page string
	cmd := &cobra.Command{
		Use:   "rotations [NAME]",
		Short: "The evidence of each rotation, from seen to revoked",
		Long: "What livekey has witnessed of each rotation, newest first: the last 20 of each\n" +
			"key. With --html, as a page that needs nothing else and can be kept.",
		Args: expects(0, 1, "at most one NAME"),
	}
	output := outputFlag(cmd)
	cmd.Flags().StringVar(&page, "html", "", "write a report as `FILE`, or to the output if that is -")
	cmd.RunE = act(func(ctx context.Context, args []string) error {
		if page != "" && *output == "json" {
			return misused("--html and --output json: choose one")
		}
		daemon, err := a.daemon()
		if err != nil {
			return err
		}
		name := oneName(args)
		all, err := daemon.Rotations(ctx, name)
		switch {
		case err != nil:
			return err
		case page != "":
			return a.evidencePage(page, name, all)
		case *output == "json":
			return a.printJSON(all)
		default:
			return a.rotationsText(all, time.Now())
		}
	})
	return cmd
}

// evidencePage writes the report, for its reader alone.
func (a *app) evidencePage(file string, name key.Name, all report.Rotations) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown" // nobody else can name it
	}
	text := evidence.Page{
		Name: name, Rotations: all.Rotations, Host: host, Version: thisBuild().Version, At: time.Now().UTC(),
	}.HTML()
	if file == "-" {
		return a.print(text)
	}
	if err := atomicfile.Write(file, []byte(text), atomicfile.Attr{Mode: 0o600, UID: -1, GID: -1}); err != nil {
		if errno, ok := errors.AsType[syscall.Errno](err); ok { // else it names a file that the writer never heard of
			err = errno
		}
		return misused("write report %s: %w", file, err)
	}
	return a.say("%s: %s", file, counted(len(all.Rotations), "rotation"))
}

// rotationsText is one paragraph a rotation.
func (a *app) rotationsText(all report.Rotations, now time.Time) error {
	if len(all.Rotations) == 0 {
		return a.say("no key has been rotated yet")
	}
	for i, r := range all.Rotations {
		var b strings.Builder
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(a.out.Paint(ui.Title, string(r.Key)) + "  ")
		b.WriteString(a.out.Paint(stateStyles[r.State], string(r.State)) + a.out.Paint(ui.Faint, duration(r, now)) + "\n")
		b.WriteString(a.out.Wrap(ui.Plain, "  ", "  ", versions(r)))
		for _, s := range r.Steps {
			first := fmt.Sprintf("  %s  %-9s  ", s.At.UTC().Format("2006-01-02 15:04:05Z"), s.What)
			line := a.out.Wrap(stepStyles[s.What], first, strings.Repeat(" ", len(first)), stepText(s))
			b.WriteString(strings.TrimRight(line, " \n") + "\n")
		}
		if err := a.print(b.String()); err != nil {
			return err
		}
	}
	return nil
}

func versions(r report.Rotation) string { return r.From.String() + " → " + r.To.String() }

// duration is how long a rotation took, or has taken so far.
func duration(r report.Rotation, now time.Time) string {
	if r.EndedAt.IsZero() {
		return " for " + evidence.Span(now.Sub(r.BeganAt))
	}
	return " after " + evidence.Span(r.EndedAt.Sub(r.BeganAt))
}

func stepText(s trail.Step) string {
	if s.Where == "" || s.Detail == "" {
		return s.Where + s.Detail
	}
	return s.Where + ": " + s.Detail
}

var stateStyles = map[trail.State]ui.Style{trail.Running: ui.Warn, trail.Ended: ui.Good, trail.GoneBack: ui.Bad}

var stepStyles = map[trail.What]ui.Style{
	trail.Failed: ui.Bad, trail.Reverted: ui.Bad, trail.Reported: ui.Warn, trail.Held: ui.Warn, trail.Unwatched: ui.Warn,
}
