package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/atomicfile"
	"github.com/livekey/livekey/internal/ui"
)

// manual has a page for each command, made of what --help says, and one for the config,
// made of configs/reference.yaml, by
//
//	go test ./cmd/livekey -run Manual -update
//
//go:embed man
var manual embed.FS

const (
	manualDir    = "man"
	configManual = "livekey.yaml" // in the place of a command's name
)

func (a *app) man() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "man [COMMAND…]",
		Short: "The manual page of livekey, a command or the config",
		Long: "The manual page of livekey, of one of its commands or of its config, for man(1):\n" +
			"  livekey man once | man -l -\n" +
			"  livekey man livekey.yaml | man -l -\n" +
			"With --dir, all pages are written there, as a package installs them.",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			within, _, err := cmd.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			names := commandNames(within)
			if len(args) == 0 {
				names = append(names, configManual)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "write every page into the folder `DIR`")
	cmd.RunE = act(func(_ context.Context, args []string) error {
		if dir != "" {
			if len(args) > 0 {
				return misused("--dir writes every page: leave the name of a command out")
			}
			return a.writeManual(dir)
		}
		page, err := manual.ReadFile(manualDir + "/" + pageOf(args))
		if errors.Is(err, fs.ErrNotExist) {
			return misused("no command %q; `livekey --help` lists them", strings.Join(args, " "))
		}
		if err != nil {
			return err
		}
		if _, err := a.out.Out.Write(page); err != nil {
			return fmt.Errorf("print: %w", err)
		}
		if ui.IsTerminal(a.out.Out) {
			a.note("to read it as a page: livekey man %s| man -l -", strings.Join(append(args, ""), " "))
		}
		return nil
	})
	return cmd
}

// pageOf is the file of a command's page, or of the config's.
func pageOf(args []string) string {
	if slices.Equal(args, []string{configManual}) {
		return configManual + ".5"
	}
	return strings.Join(append([]string{"livekey"}, args...), "-") + ".1"
}

func (a *app) writeManual(dir string) error {
	pages, err := manual.ReadDir(manualDir)
	if err != nil {
		return err
	}
	for _, page := range pages {
		text, err := manual.ReadFile(manualDir + "/" + page.Name())
		if err != nil {
			return err
		}
		if err := atomicfile.Write(filepath.Join(dir, page.Name()), text, atomicfile.Attr{Mode: 0o644, UID: -1, GID: -1}); err != nil {
			return misused("write manual: %w: make the folder first, where you may write", err)
		}
	}
	return a.say("wrote %s to %s", counted(len(pages), "page"), dir)
}

// commandNames are the commands of cmd that a person may call.
func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return names
}
