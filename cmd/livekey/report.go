package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/trail"
	"github.com/livekey/livekey/internal/ui"
)

// reportTimeout is a little longer than the daemon takes its time.
const reportTimeout = 30 * time.Second

func (a *app) report() *cobra.Command {
	var consumer, detail string
	cmd := &cobra.Command{
		Use:   "report NAME",
		Short: "Tell the daemon that a consumer saw a 401, and hear why",
		Long: "Tell the daemon that a consumer saw the key refused. It asks the issuer and\n" +
			"reads the source at once, and answers: the key is fine, a newer one is\n" +
			"delivered, or it is dead. NAME is the key's, or a variable that has it. Whoever\n" +
			"owns a sink of the key, or is in its group, may report it.",
		Args: expects(1, 1, "NAME"),
	}
	output := outputFlag(cmd)
	cmd.RunE = act(func(ctx context.Context, args []string) error {
		ctx, cancel := context.WithTimeout(ctx, reportTimeout)
		defer cancel()
		cfg, err := a.desk()
		if err != nil {
			return err
		}
		if consumer != "" {
			if _, err := key.ParseConsumer(consumer); err != nil {
				return misused("--consumer %w", err)
			}
		}
		answer, err := admin.NewClient(admin.ReportSocket(cfg.Socket)).
			Unauthorized(ctx, admin.Unauthorized{Key: args[0], Consumer: key.Consumer(consumer), Detail: detail})
		if refused, ok := errors.AsType[*admin.RefusedError](err); ok && refused.Status == 400 {
			return misused("%w", err)
		}
		if err != nil {
			return err
		}
		if *output == "json" {
			err = a.printJSON(answer)
		} else {
			err = a.answerText(answer, time.Now())
		}
		return errors.Join(err, exit(found[answer.Verdict]))
	})
	cmd.Flags().StringVar(&consumer, "consumer", "", "`WHO` saw it, such as unit:app.service;\nby default whoever asks")
	cmd.Flags().StringVar(&detail, "detail", "", "what it saw, as `TEXT` of at most 200 bytes;\nnever a key")
	return cmd
}

// found are the exit codes of what came of a report.
var found = map[report.Found]code{
	report.Fine: ok, report.New: ok, report.Blocked: notLive, report.Dead: notLive, report.Unknown: unknown,
}

var foundStyle = map[report.Found]ui.Style{
	report.Fine: ui.Good, report.New: ui.Good, report.Blocked: ui.Bad, report.Dead: ui.Bad, report.Unknown: ui.Warn,
}

// answerText is what came of a report, in a few lines.
func (a *app) answerText(r report.Answer, now time.Time) error {
	var b strings.Builder
	line := func(style ui.Style, lead, format string, args ...any) {
		b.WriteString(a.out.Wrap(style, lead, "  ", fmt.Sprintf(format, args...)))
	}
	line(foundStyle[r.Verdict], "", "%s: %s: %s", r.Key, r.Verdict, r.Message)
	if r.Fingerprint != "" {
		line(ui.Plain, "  ", "delivered: version %s, asked %s", trail.Named(r.Version, r.Fingerprint), ui.Ago(now, r.CheckedAt))
	}
	for _, s := range r.Sinks {
		line(ui.Plain, "  ", "in %s, written %s", s.Path, ui.Ago(now, s.WrittenAt))
	}
	line(ui.Plain, "  ", "do: %s", r.Action)
	return a.print(b.String())
}
