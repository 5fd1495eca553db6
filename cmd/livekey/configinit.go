package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/configs"
	"github.com/livekey/livekey/internal/atomicfile"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/doctor"
	"github.com/livekey/livekey/internal/sandbox"
	"github.com/livekey/livekey/internal/trusted"
)

func (a *app) configInit() *cobra.Command {
	var c firstConfig
	cmd := &cobra.Command{
		Use:   "init [VARIABLE…]",
		Short: "Ask a few questions, write a commented first config and prove it",
		Long: "On a terminal: looks for keys in env files of services (EnvironmentFile=), in\n" +
			".env files of the working folder and in the environment, and for Vault and AWS;\n" +
			"asks which variables to deliver, where they live and who reads them; writes a\n" +
			"commented config, proves its keys with one live call each, and says how to start\n" +
			"it. No value goes into the config, and one that somebody wrote is never\n" +
			"replaced.\n\n" +
			"Without a terminal nobody is asked: --yes and --from-env-file take what is\n" +
			"found and the default of each question; without either, the config is an\n" +
			"example to edit, and nothing is proved.\n\n" +
			"Exit codes: 0 written, and every key that was proved lives; 3 and 4 as \"livekey\n" +
			"check\", with the config written; 2 nothing was written.",
	}
	cmd.Flags().BoolVar(&c.yes, "yes", false, "ask nothing: take the default of each question")
	cmd.Flags().StringArrayVar(&c.envFiles, "from-env-file", nil, "take the keys that `FILE` has; may be said again")
	cmd.Flags().StringVar(&c.reader, "reader", "", "`WHO` reads the keys: systemd, docker, dotenv, shell\nor directory")
	cmd.RunE = act(func(ctx context.Context, args []string) error {
		c.names = args
		if c.reader != "" && !slices.ContainsFunc(readers, func(r choice) bool { return r.word == c.reader }) {
			return misused("--reader is systemd, docker, dotenv, shell or directory")
		}
		return a.writeFirst(ctx, c)
	})
	return cmd
}

// firstConfig is how `config init` is called.
type firstConfig struct {
	yes      bool
	envFiles []string
	reader   string
	names    []string
}

// writeFirst writes a first config where there is none.
func (a *app) writeFirst(ctx context.Context, c firstConfig) error {
	path, err := config.Place(a.configFile)
	if err != nil {
		return misused("%w", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	if err := isNew(path); err != nil {
		return err
	}
	q := a.asker(!c.yes)
	if !q.asks() && !c.yes && len(c.envFiles) == 0 {
		if len(c.names) > 0 || c.reader != "" {
			return misused("write config: nobody can be asked here: add --yes or --from-env-file FILE")
		}
		return a.writeExample(path)
	}
	i := &interview{asker: q, dir: filepath.Dir(path), run: runFolder(), names: c.names, reader: c.reader}
	if err := i.look(c.envFiles, c.names); err != nil {
		return err
	}
	if !q.asks() && len(i.finds) == 0 && len(c.names) == 0 {
		return misused("write config: no variable of a known provider is in an env file or the environment: name one, or run it on a terminal")
	}
	q.tell("livekey writes a first config to %s. No value goes into it, only where each key is. Enter takes what is in [ ]; Ctrl-C leaves everything as it is.", path)
	i.tellSight()
	if err := i.ask(ctx); err != nil {
		return err
	}
	text := i.text()
	if err := sound(path, text, a); err != nil {
		a.note("nothing was written, because these answers make no good config:")
		return err
	}
	if err := isNew(path); err != nil {
		return err
	}
	start := startLines(path, a.configFile, asInstalled(path))
	if err := writeConfig(path, text); err != nil {
		return err
	}
	if err := a.say("wrote %s", path); err != nil {
		return err
	}
	return a.proveFirst(ctx, path, i, start)
}

// look finds what there is, in the env files alone where some are named.
func (i *interview) look(envFiles, names []string) error {
	if len(envFiles) == 0 {
		folder, err := os.Getwd()
		if err != nil {
			return fmt.Errorf("look around: %w", err)
		}
		i.sight = look(folder)
		return nil
	}
	for _, file := range envFiles {
		in, err := inEnvFile(file, names)
		if err != nil {
			return err
		}
		i.add(in, "")
	}
	return nil
}

// text is the config.
func (i *interview) text() string {
	i.config.Head = []string{
		"livekey: which keys to take from where, and who reads them.",
		"Every field with its default: configs/reference.yaml. Check this file with",
		"  livekey config check --config FILE",
		"A key is never written here, only where it is.",
	}
	i.config.Tail = []string{
		"alerts:                            # beside the log: docs/alerts.md",
		"  ops: {kind: webhook, url: \"https://hooks.internal/livekey\", secret_file: " + filepath.Join(i.dir, "hook-secret") + "}",
	}
	return i.config.String()
}

// sound holds a config that was made for somebody against what reads one.
func sound(path, text string, a *app) error {
	cfg, err := config.Read(path, []byte(text), kinds())
	if err == nil {
		_, err = assemble(cfg, a.quiet(), knowsNothing)
	}
	if err != nil {
		return asUsage(err)
	}
	return nil
}

// isNew says that nobody has written a config at path yet.
func isNew(path string) error {
	if _, err := os.Lstat(path); err == nil && !asInstalled(path) {
		return misused("write config: %s is there already; move it away first", path)
	}
	return nil
}

// asInstalled says whether the file at path is the config that a package brings, unchanged.
func asInstalled(path string) bool {
	text, err := trusted.Read(path)
	return err == nil && bytes.Equal(text, configs.Installed)
}

// writeExample writes a config to edit.
func (a *app) writeExample(path string) error {
	if dir := filepath.Dir(path); doctor.Quote(dir) != dir { // it stands in YAML and in commands to paste
		return misused("write config: an example names its folder, whose path must have no blanks and no signs of a shell; add --yes or --from-env-file FILE")
	}
	if err := writeConfig(path, starter(filepath.Dir(path))); err != nil {
		return err
	}
	flag := configFlag(path, a.configFile)
	return a.say("wrote %s: edit it, put each key where its from: says, then run `livekey config check%s` and `livekey once%s`", path, flag, flag)
}

func writeConfig(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // as /etc/livekey; the file in it is its owner's
		return fmt.Errorf("write config: %w", err)
	}
	if err := atomicfile.Write(path, []byte(text), configAttr(path)); err != nil {
		return fmt.Errorf("write config: %w", err)
	}
	return nil
}

// configAttr is whose a new config at path is: the caller's, and for the service to read
// where root writes the machine's and the service is installed.
func configAttr(path string) atomicfile.Attr {
	a := atomicfile.Attr{Mode: 0o600, UID: -1, GID: -1}
	if os.Geteuid() != 0 || !strings.HasPrefix(path, sandbox.ConfigFolder+"/") {
		return a
	}
	g, err := user.LookupGroup(sandbox.User)
	if err != nil {
		return a
	}
	if gid, err := strconv.Atoi(g.Gid); err == nil {
		a.Mode, a.GID = 0o640, gid
	}
	return a
}

// proveFirst proves the keys of a config that was just written, and says how to start it.
func (a *app) proveFirst(ctx context.Context, path string, i *interview, start []string) error {
	prove := "yes"
	var err error
	if i.asks() {
		prove, err = i.choose(ctx, "Prove the keys now, with one live call each?", []choice{{"yes", "yes"}, {"no", "no"}}, "yes")
		if err != nil {
			return err
		}
	}
	lives := ok
	if prove == "yes" {
		cfg, err := config.Load(path, kinds())
		if err != nil {
			return err
		}
		if cfg, err = only(cfg, nil); err != nil {
			return err
		}
		checked, c, err := a.examineAll(ctx, inquiry{cfg: cfg})
		if err != nil {
			return err
		}
		if err := a.printChecked(checked); err != nil {
			return err
		}
		lives = c
	}
	if err := a.print("\nstart it with\n"); err != nil {
		return err
	}
	for _, line := range start {
		if err := a.print("  " + line + "\n"); err != nil { // unbroken: somebody copies it
			return err
		}
	}
	return exit(lives)
}

// startLines are the two commands that start livekey with the config at path. A package has
// enabled the service already, which then runs with the config that it brought.
func startLines(path, named string, installed bool) []string {
	switch {
	case !strings.HasPrefix(path, sandbox.ConfigFolder+"/") || named != "":
	case installed:
		return []string{"systemctl reload-or-restart livekey", "livekey wait app"}
	default:
		return []string{"systemctl enable --now livekey", "livekey wait app"}
	}
	flag := configFlag(path, named)
	return []string{"livekey once" + flag, "livekey run" + flag}
}

// configFlag is what a command needs behind it to read the config at path, which the caller
// named, or which is where every command looks.
func configFlag(path, named string) string {
	if named == "" {
		return ""
	}
	return " --config " + doctor.Quote(path)
}
