package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/doctor"
	"github.com/livekey/livekey/internal/key"
)

// complaint is what `doctor` is asked about.
type complaint struct {
	names   []string
	place   doctor.Place
	envFile string
	sink    string
	pid     int
	unit    string
	offline bool
}

func (a *app) doctor() *cobra.Command {
	var c complaint
	var here, all bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "doctor [NAME…]",
		Short: "Why a key gets 401: every cause, in order, with the fix",
		Long: "Why a key gets 401. Every cause is tried, in an order that does not change, and\n" +
			"the first that holds is printed: what was seen of it, never the value, and the\n" +
			"command that fixes it.\n" +
			"\n" +
			"Where the key is: in the config or, without one or with --env, in the\n" +
			"environment; in --env-file FILE; in --sink NAME of the config; or in what a\n" +
			"process was started with, --pid PID. What a process or a sink has is compared\n" +
			"with the key's source by fingerprint, and never sent.\n" +
			"\n" +
			"Exit code: 0 nothing is wrong; 3 the key is missing, malformed, dead or blocked;\n" +
			"5 what is around the key keeps it from working; 4 nobody can say, or --offline\n" +
			"found nothing. What is only worth a look changes none of them.",
		Args: expects(0, -1, "names of keys or variables"),
	}
	output := outputFlag(cmd)
	f := cmd.Flags()
	f.BoolVar(&here, "env", false, "the key is in the environment, config or not")
	f.StringVar(&c.envFile, "env-file", "", "the key is in `FILE`")
	f.StringVar(&c.sink, "sink", "", "the key is in the sink `NAME` of the config")
	f.IntVar(&c.pid, "pid", 0, "the key is in what the process `PID` was started with")
	f.StringVar(&c.unit, "unit", "", "has the systemd service `UNIT` the variable, too?")
	f.BoolVar(&all, "all", false, "print every cause that holds, not the first alone")
	f.BoolVar(&c.offline, "offline", false, "ask nobody: only what can be seen here")
	f.DurationVar(&timeout, "timeout", time.Minute, "give up after `D`")
	cmd.MarkFlagsMutuallyExclusive("env", "env-file", "sink", "pid")
	cmd.RunE = act(func(ctx context.Context, args []string) error {
		c.names = args
		switch {
		case c.envFile != "":
			c.place = doctor.EnvFile
		case c.sink != "":
			c.place = doctor.Sink
		case cmd.Flags().Changed("pid"):
			c.place = doctor.Process
		case here, c.unit != "":
			c.place = doctor.Environment
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		found, err := a.diagnose(ctx, c)
		if err != nil {
			return err
		}
		if *output == "json" {
			err = a.printJSON(doctor.Report{Keys: found})
		} else {
			err = a.printDiagnoses(found, all)
		}
		if err != nil {
			return err
		}
		codes := make([]code, len(found))
		for i, d := range found {
			codes[i] = judgeDiagnosis(d)
		}
		return exit(worst(codes...))
	})
	return cmd
}

// judgeDiagnosis is the exit code of what was found about one key.
func judgeDiagnosis(d doctor.Diagnosis) code {
	var codes []code
	for _, f := range d.Causes {
		if f.Certain {
			codes = append(codes, map[doctor.Blame]code{doctor.OfKey: notLive, doctor.OfSetup: no, doctor.OfRoad: unknown}[f.Blame])
		}
	}
	switch {
	case len(codes) > 0:
		return worst(codes...)
	case d.Verdict == nil:
		return unknown
	default:
		return judgeOutcome(d.Verdict.Outcome, d.Verdict.Reason)
	}
}

// diagnose looks into the place of every key that is asked about.
func (a *app) diagnose(ctx context.Context, c complaint) ([]doctor.Diagnosis, error) {
	cfg, err := a.settings()
	switch {
	case errors.Is(err, config.ErrNoConfig) && (c.place == doctor.Sink):
		return nil, misused("--sink is one of the config, and there is none: %w", err)
	case errors.Is(err, config.ErrNoConfig):
		cfg = nil
		if c.place == "" {
			c.place = doctor.Environment
		}
	case err != nil:
		return nil, asUsage(err)
	case c.place == "":
		c.place = doctor.Config
	}
	if c.place == doctor.EnvFile {
		if c.envFile, err = filepath.Abs(c.envFile); err != nil {
			return nil, err
		}
	}
	w, err := a.newWard(c, cfg)
	if err != nil {
		return nil, err
	}
	patients, err := w.patients()
	if err != nil {
		return nil, err
	}
	found := make([]doctor.Diagnosis, len(patients))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, k := range patients {
		g.Go(func() error {
			e, err := w.evidence(ctx, k)
			found[i] = doctor.Diagnose(e)
			return err
		})
	}
	err = g.Wait()
	w.prober.Wait()
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	return found, err
}

// placeInWords is how a place is called in sentences.
func (w *ward) placeInWords() string {
	switch w.place {
	case doctor.EnvFile:
		return w.envFile
	case doctor.Sink:
		return "sink " + w.sink
	case doctor.Process:
		return fmt.Sprintf("process %d (%s)", w.process.PID, w.process.Command)
	case doctor.Config:
		return "the config"
	case doctor.Environment:
	}
	return "this environment"
}

// beside reads the variables that stand beside a key in its place. Of other credentials it
// tells that they are set, and no more.
func (w *ward) beside(variable string, addresses []string) func(name string) string {
	switch w.place {
	case doctor.Environment:
		return os.Getenv
	case doctor.EnvFile:
		plain, _ := doctor.SettingNames(variable, addresses)
		file := doctor.FileSettings(w.text, plain)
		return func(name string) string { return cmp.Or(file[name], os.Getenv(name)) } // a program gets both
	case doctor.Process:
		return func(name string) string {
			if h, ok := w.process.Held[name]; ok && !h.Empty {
				return doctor.Set
			}
			return w.process.Settings[name]
		}
	case doctor.Sink, doctor.Config: // whoever reads it has surroundings of his own
	}
	return func(string) string { return "" }
}

// keyOf is the config's key that a name, or a variable of it, belongs to; nil if none.
func keyOf(cfg *config.Config, name string) *config.Key {
	if cfg == nil {
		return nil
	}
	if k, ok := cfg.Keys[key.Name(name)]; ok {
		return &k
	}
	for _, k := range cfg.Keys {
		if _, ok := k.Env[name]; ok {
			return &k
		}
	}
	return nil
}
