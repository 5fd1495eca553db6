package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/ui"
)

// app is what every command shares.
type app struct {
	in         io.Reader
	out        ui.Printer // what was asked for
	err        ui.Printer // everything else: progress, warnings, errors
	configFile string
}

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, in io.Reader, out, err io.Writer) code {
	a := &app{in: in, out: ui.New(out), err: ui.New(err)}
	root := a.root() //nolint:contextcheck // the commands take ctx from cobra, which has it below
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(err)
	failed, cause := root.ExecuteContextC(ctx)
	return a.explain(failed, cause)
}

// explain prints what went wrong, and for a mistake in the command line where
// help is.
func (a *app) explain(cmd *cobra.Command, err error) code {
	var ended *exitError
	if errors.As(err, &ended) && ended.err == nil {
		return ended.code
	}
	var ran *ranError
	switch {
	case err == nil:
		return ok
	case errors.Is(err, context.Canceled) && cmd.Context().Err() != nil:
		if ui.IsTerminal(a.err.Out) {
			a.note("") // it echoes ^C in the middle of a line
		}
		a.complain(errInterrupted)
		return internal
	case errors.As(err, &ran):
		c := codeOf(ran.err)
		a.complain(ran.err)
		return c
	default: // cobra refused the command line before anything ran
		a.complain(err)
		_, _ = fmt.Fprintf(a.err.Out, "run \"%s --help\" for usage\n", cmd.CommandPath())
		if cmd.Name() == execName {
			return ownFailure
		}
		return usage
	}
}

func (a *app) complain(err error) {
	if faults, found := errors.AsType[config.Faults](err); found {
		_, _ = io.WriteString(a.err.Out, a.paragraphs(faults.Error())) // lines with places of their own
		return
	}
	const lead = "livekey:"
	rest := strings.TrimPrefix(a.paragraphs(lead+" "+err.Error()), lead)
	_, _ = io.WriteString(a.err.Out, a.err.Paint(ui.Bad, lead)+rest)
}

// paragraphs breaks long lines between words on a terminal, but for a line of a
// config and the mark below it, which begin with a blank.
func (a *app) paragraphs(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, " ") {
			b.WriteString(line + "\n")
			continue
		}
		b.WriteString(a.err.Wrap(ui.Plain, "", "  ", line))
	}
	return b.String()
}

// note tells a person what goes on.
func (a *app) note(format string, args ...any) {
	_, _ = io.WriteString(a.err.Out, a.err.Wrap(ui.Plain, "", "  ", fmt.Sprintf(format, args...)))
}

// remark is a note behind a word in color.
func (a *app) remark(style ui.Style, lead, format string, args ...any) {
	text := a.err.Wrap(ui.Plain, "", "  ", lead+" "+fmt.Sprintf(format, args...))
	_, _ = io.WriteString(a.err.Out, a.err.Paint(style, lead)+strings.TrimPrefix(text, lead))
}

// errInterrupted is the end of a command that Ctrl-C or SIGTERM stopped before it was done.
var errInterrupted = errors.New("interrupted")

// ranError tells what a command returned from what cobra refused.
type ranError struct{ err error }

func (e *ranError) Error() string { return e.err.Error() }
func (e *ranError) Unwrap() error { return e.err }

// act is the body of a command.
func act(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := f(cmd.Context(), args); err != nil {
			return &ranError{err}
		}
		return nil
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "livekey",
		Short: "Deliver API keys that were proved live, and say when one dies",
		Long: "livekey pulls API keys from secret backends, proves each one with a live call\n" +
			"to its issuer, delivers only proved keys, and says at once when one that was\n" +
			"rotated starts returning 401.",
		SilenceErrors: true, SilenceUsage: true,
	}
	root.PersistentFlags().StringVar(&a.configFile, "config", "",
		"the config `FILE`; by default /etc/livekey/livekey.yaml,\nthen $XDG_CONFIG_HOME/livekey/livekey.yaml")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		a.run(), a.once(), a.check(), a.doctor(), a.plan(), a.status(), a.whoHas(), a.wait(), a.refresh(), a.approve(), a.pause(), a.resume(), a.report(),
		a.rotations(), a.safeToRevoke(), a.clean(), a.exec(), a.drill(), a.version(), a.config(), a.providers(), a.alerts(), a.man(), a.holders(),
	)
	group(root)
	a.completions(root)
	return root
}

// group makes a command of commands: alone it prints its help, and a word that
// is none of them is a mistake.
func group(cmd *cobra.Command) {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return fmt.Errorf("unknown command %q%s", config.Shown(args[0]), didYouMean(args[0], commandNames(cmd), ""))
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// format is how data is printed: one of some words.
type format struct {
	word  string
	known []string
}

func (f *format) String() string { return f.word }
func (f *format) Type() string   { return strings.Join(f.known, "|") }
func (f *format) Set(s string) error {
	if !slices.Contains(f.known, s) {
		return errors.New("either " + strings.Join(f.known, " or "))
	}
	f.word = s
	return nil
}

// outputFlag is how a command prints its data: text or json.
func outputFlag(cmd *cobra.Command) *string { return formatFlag(cmd, "text", "json") }

// formatFlag is outputFlag with words of its own, the first of which is the default.
func formatFlag(cmd *cobra.Command, known ...string) *string {
	f := &format{word: known[0], known: known}
	cmd.Flags().VarP(f, "output", "o", "how to print")
	return &f.word
}

// daemon is the one at the socket that the config names.
func (a *app) daemon() (*admin.Client, error) {
	cfg, err := a.desk()
	if err != nil {
		return nil, err
	}
	return admin.NewClient(cfg.Socket), nil
}

// expects says how many arguments a command takes, and what they are; most < 0
// is any number.
func expects(least, most int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return fmt.Errorf("expected %s, got %s", what, cmp.Or(strings.Join(args, " "), "nothing"))
		}
		return nil
	}
}
