package main

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/ui"
	"github.com/livekey/livekey/validator/catalog"
)

// answersEnding is that of the file of recorded answers beside a provider's file.
const answersEnding = ".answers.yaml"

func (a *app) providersTest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test FILE",
		Short: "Try a provider's file of your own on recorded answers",
		Long: "Read FILE as a config would, with every fault in its place, and judge the\n" +
			"answers that are recorded beside it, in NAME" + answersEnding + " of NAME.yaml.\n" +
			"Nobody is asked: what would be sent has a made-up key and goes nowhere.\n\n" +
			"Exit codes: 0 every answer means what its file says and every rule was tried,\n" +
			"5 not so, 2 a file cannot be read.",
		Args: expects(1, 1, "a FILE"),
	}
	output := outputFlag(cmd)
	answers := cmd.Flags().String("answers", "", "the recorded answers, in `FILE`")
	cmd.RunE = act(func(ctx context.Context, args []string) error {
		if *answers == "" {
			*answers = strings.TrimSuffix(strings.TrimSuffix(args[0], ".yaml"), ".yml") + answersEnding
		}
		text, err := os.ReadFile(args[0])
		if err != nil {
			return misused("read provider's file: %v", err)
		}
		p, err := catalog.Builtin().Read(args[0], text)
		if err != nil {
			return asUsage(err)
		}
		recorded, err := os.ReadFile(*answers)
		if err != nil {
			return misused("read recorded answers: %v; record some there, or name the file with --answers", err)
		}
		client, err := (&httpclient.Factory{}).Client(httpclient.Options{})
		if err != nil {
			return err
		}
		t, err := p.Try(ctx, *answers, recorded, withCode(catalog.Settings{Client: client}))
		if err != nil {
			return asUsage(err)
		}
		if *output == "json" {
			err = a.printJSON(t)
		} else {
			err = a.printTrial(t)
		}
		if err != nil {
			return err
		}
		if !t.Good() {
			return exit(no)
		}
		return nil
	})
	return cmd
}

func (a *app) printTrial(t catalog.Trial) error {
	table := ui.NewTable("answer", "verdict", "")
	failed := 0
	for _, tried := range t.Answers {
		mark := ui.Cell{Text: "as recorded", Style: ui.Good}
		if len(tried.Faults) > 0 {
			failed++
			mark = ui.Cell{Text: strings.Join(tried.Faults, "; "), Style: ui.Bad}
		}
		table.Row(ui.Text(tried.Name), ui.Text(tried.Got), mark)
	}
	if err := a.out.Print(table); err != nil {
		return err
	}
	for _, rule := range t.Untried {
		if err := a.say("no answer tries a rule of %s", rule); err != nil {
			return err
		}
	}
	return a.say("%s: %s, %d not as recorded, %s untried", t.Provider, counted(len(t.Answers), "answer"), failed, counted(len(t.Untried), "rule"))
}
