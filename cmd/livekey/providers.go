package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/ui"
	"github.com/livekey/livekey/validator/catalog"
)

func (a *app) providers() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "providers [NAME]",
		Short: "The issuers that can prove a key, and how each is asked",
		Args:  expects(0, 1, "at most one NAME"),
	}
	output := outputFlag(cmd)
	cmd.RunE = act(func(_ context.Context, args []string) error {
		c, err := a.catalog()
		if err != nil {
			return err
		}
		if len(args) == 0 && *output != "json" {
			return a.listProviders(c)
		}
		ids := c.IDs()
		if len(args) == 1 {
			ids = args
		}
		infos := make([]catalog.Info, 0, len(ids))
		for _, id := range ids {
			p, err := c.Lookup(id)
			if errors.Is(err, catalog.ErrUnknownProvider) {
				return misused("unknown provider %q%s (`livekey providers` lists them)", config.Shown(id), didYouMean(id, c.IDs(), ""))
			}
			if err != nil {
				return err
			}
			infos = append(infos, p.Info())
		}
		if *output == "json" {
			return a.printJSON(map[string][]catalog.Info{"providers": infos})
		}
		return a.printProvider(infos[0])
	})
	cmd.AddCommand(a.providersTest())
	return cmd
}

func (a *app) listProviders(c *catalog.Catalog) error {
	table := ui.NewTable("provider", "variables")
	for _, l := range c.List() {
		table.Row(ui.Cell{Text: l.ID, Style: ui.Title}, ui.Text(few(l.Variables)))
	}
	table.Row(ui.Cell{Text: config.NoProvider, Style: ui.Title}, ui.Text("of keys that nobody can prove"))
	if err := a.out.Print(table); err != nil {
		return err
	}
	if !ui.IsTerminal(a.out.Out) {
		return nil
	}
	return a.say("%s; `livekey providers NAME` shows whom one asks, and how", counted(len(c.IDs()), "provider"))
}

// asks is a provider's base_url in words.
func asks(baseURL string) string {
	switch baseURL {
	case "":
		return "no HTTP"
	case catalog.OwnAddress:
		return "where yours is (base_url)"
	}
	return baseURL
}

// catalog is the built-in providers and the user's own, if there is a config.
func (a *app) catalog() (*catalog.Catalog, error) {
	cfg, err := a.settings()
	if errors.Is(err, config.ErrNoConfig) || cfg == nil && a.configFile == "" && errors.Is(err, os.ErrPermission) {
		return catalog.Builtin(), nil
	}
	if err != nil {
		return nil, asUsage(err)
	}
	p := &plan{cfg: cfg, catalog: catalog.Builtin()}
	if err := p.addProviders(); err != nil {
		return nil, asUsage(err)
	}
	return p.catalog, nil
}

// few keeps a cell narrow: the first, and how many more there are.
func few(all []string) string {
	if len(all) <= 1 {
		return strings.Join(all, " ")
	}
	return fmt.Sprintf("%s +%d", all[0], len(all)-1)
}

// parts are those of a key that has several.
func parts(i catalog.Info) string {
	var all []string
	for _, part := range i.Parts {
		if slices.Contains(i.Optional, part) {
			part += " (optional)"
		}
		all = append(all, part)
	}
	return strings.Join(all, ", ")
}

func (a *app) printProvider(i catalog.Info) error {
	sent := slices.DeleteFunc(slices.Clone(i.Classes), func(c string) bool { return slices.Contains(i.NeverSent, c) })
	pairs := []string{
		"provider", i.ID, "name", i.Name, "asks", asks(i.BaseURL), "form", i.Form,
		"parts", parts(i),
		"variables", strings.Join(i.Variables, " "), "prefixes", strings.Join(i.Prefixes, " "),
		"kinds of key", strings.Join(sent, "; "), "never sent", strings.Join(i.NeverSent, "; "), "owner told by", strings.Join(i.Pins, ", "),
		"cost of a probe", i.Cost, "asked by consent", i.OptIn, "if refused", i.Elsewhere, "confidence", i.Confidence,
	}
	for _, p := range i.Params {
		text := p.Help
		if p.Default != "" {
			text += " (default " + p.Default + ")"
		}
		if p.Required {
			text += " (required)"
		}
		pairs = append(pairs, "with: "+p.Name, text, "if refused", p.Elsewhere)
	}
	for _, e := range i.Evidence {
		pairs = append(pairs, "evidence", e)
	}
	return a.printFields(pairs...)
}
