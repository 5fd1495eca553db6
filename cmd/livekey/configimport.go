package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/draft"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/migrate"
	"github.com/livekey/livekey/internal/ui"
)

func (a *app) configImport() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "import FILE [VARIABLE…]",
		Short: "Make a config of one of Vault Agent, consul-template or envconsul",
		Long: "Makes a config of one in HCL of Vault Agent, consul-template or envconsul, as\n" +
			"far as it goes, and prints it. What was left out is listed on stderr and at the\n" +
			"end of the config, with its line, why, and what to do by hand. Variables behind\n" +
			"the file are those that an envconsul config takes out of its secret without\n" +
			"naming them.\n\n" +
			"It asks nobody, runs no template, and takes no literal and no token over.\n\n" +
			"Exit codes: 0 the config is good, 2 FILE cannot be read, has no key for livekey,\n" +
			"or what became of it has faults, which are listed.",
		Args: expects(1, -1, "a file and names of variables"),
	}
	cmd.Flags().StringVar(&to, "write", "", "write the config to `FILE`, which must not be there")
	cmd.RunE = act(func(_ context.Context, args []string) error { return a.importConfig(args[0], args[1:], to) })
	return cmd
}

func (a *app) importConfig(file string, variables []string, to string) error {
	if len(variables) > 0 {
		if _, err := listed(strings.Join(variables, " ")); err != nil {
			return misused("%w", err)
		}
	}
	if !readable(file) { // a pipe could wait for ever
		return misused("read config: %s is no file of at most 1 MiB that may be read", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return misused("read config: %w", err)
	}
	r, err := migrate.Read(text, migrate.Options{Fields: variables, Run: runFolder()})
	if err != nil {
		return misused("%s: %w", file, err)
	}
	c := imported(&r)
	if len(c.Keys) == 0 {
		a.tellLeft(r)
		return misused("%s: no key that livekey could deliver is in it", file)
	}
	c.Head = []string{
		fmt.Sprintf("livekey, from the %s config %s.", r.Tool, filepath.Base(file)),
		"Every field with its default: configs/reference.yaml. Check this file with",
		"  livekey config check --config FILE",
	}
	c.Tail = leftLines(r)
	if err := a.giveConfig(to, c.String()); err != nil {
		return err
	}
	a.tellLeft(r)
	if to == "" {
		to = "livekey.yaml" // for the places of its faults
	}
	return sound(to, c.String(), a)
}

// giveConfig prints a config, or writes it where none is.
func (a *app) giveConfig(to, text string) error {
	if to == "" {
		_, err := a.out.Out.Write([]byte(text))
		return err
	}
	path, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	if err := isNew(path); err != nil {
		return err
	}
	if err := writeConfig(path, text); err != nil {
		return err
	}
	return a.say("wrote %s", path)
}

// tellLeft lists on stderr what was left out.
func (a *app) tellLeft(r migrate.Result) {
	if len(r.Left) == 0 {
		return
	}
	a.note("left out:")
	for _, l := range r.Left {
		a.note("line %d, %s: %s", l.Line, l.What, l.Why)
	}
}

// leftLines is the same as a comment, and how a program is started.
func leftLines(r migrate.Result) []string {
	var all []string
	if len(r.Command) > 0 {
		never := ""
		if r.Never {
			never = " --on-change none"
		}
		more := ""
		if len(r.Command) > 1 {
			more = " …"
		}
		all = append(all, fmt.Sprintf("The program that %s started:", r.Tool), fmt.Sprintf("  livekey exec%s -- %s%s", never, r.Command[0], more))
	}
	if len(r.Left) > 0 {
		all = append(all, "Left out:")
	}
	for _, l := range r.Left {
		all = append(all, fmt.Sprintf("- line %d, %s:", l.Line, l.What))
		why := ui.Printer{Width: commentWidth}.Wrap(ui.Plain, "    ", "    ", l.Why)
		all = append(all, strings.Split(strings.TrimSuffix(why, "\n"), "\n")...)
	}
	return all
}

// commentWidth is how long lines of a comment are, less their mark.
const commentWidth = 78

// imported is livekey's config of what another tool delivers, without comments around it.
func imported(r *migrate.Result) draft.Config {
	c := draft.Config{Sources: r.Sources, Policy: r.Policy}
	var keys []plannedKey
	lists := map[string][]key.Name{}
	sinks := []string{""}
	for _, s := range r.Sinks {
		sinks = append(sinks, s.Name)
	}
	for _, sink := range sinks {
		for _, k := range keysOfSink(r, sink) {
			name := placeKey(&keys, k, sink)
			lists[sink] = append(lists[sink], name)
		}
	}
	for _, k := range keys {
		c.Keys = append(c.Keys, k.entry())
	}
	for _, e := range r.Sinks {
		names := draft.Words(lists[e.Name])
		if len(lists[e.Name]) == len(keys) {
			names = "all"
		}
		e.Fields = append(e.Fields, draft.Field{Name: "keys", Value: names})
		c.Sinks = append(c.Sinks, e)
	}
	return c
}

// placeKey adds a key, unless it is there for another sink already, and returns its name.
func placeKey(keys *[]plannedKey, k plannedKey, sink string) key.Name {
	for _, other := range *keys {
		if maps.Equal(other.from, k.from) && maps.Equal(other.env, k.env) && other.trim == k.trim && other.base64 == k.base64 {
			return other.name
		}
	}
	if slices.ContainsFunc(*keys, func(other plannedKey) bool { return other.name == k.name }) {
		k.name = key.Name(sink) + "/" + k.name // another value for the same variable
	}
	*keys = append(*keys, k)
	return k.name
}

// keysOfSink are the variables of a sink as keys: those of one issuer that belong together
// as one.
func keysOfSink(r *migrate.Result, sink string) []plannedKey {
	of := map[string]migrate.Variable{}
	var names []string
	for _, v := range r.Variables {
		if _, twice := of[v.Name]; v.Sink != sink || twice {
			continue
		}
		of[v.Name] = v
		names = append(names, v.Name)
	}
	ref := func(variable string) key.Ref { return of[variable].Ref }
	keys, err := planned(names, nil, ref)
	if err != nil { // of some; the others are whole
		keys = nil
		for _, name := range names {
			found, err := planned([]string{name}, nil, ref)
			if err != nil {
				found = []plannedKey{{subjectKey: alone(name, ref(name)), notes: []string{"Nobody proves it, because", reason(err)}}}
				found[0].provider = config.NoProvider
			}
			keys = append(keys, found...)
		}
	}
	for i := range keys {
		for variable := range keys[i].env {
			keys[i].trim = keys[i].trim || of[variable].Trim
			keys[i].base64 = keys[i].base64 || of[variable].Base64
		}
	}
	return keys
}

// reason is an error without the code that it ends a command with.
func reason(err error) string {
	var exit *exitError
	if errors.As(err, &exit) && exit.err != nil {
		err = exit.err
	}
	return "  " + err.Error()
}
