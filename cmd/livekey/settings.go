package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/livekey/livekey/internal/config"
)

// settings loads the config that --config or the usual places name, or the one
// that keys.d stands for.
func (a *app) settings() (*config.Config, error) {
	path, err := config.Find(a.configFile)
	if errors.Is(err, config.ErrNoConfig) {
		cfg, dirErr := config.FromKeysDir(kinds())
		if errors.Is(dirErr, config.ErrNoConfig) {
			return nil, fmt.Errorf("%w: `livekey config init` writes one", err)
		}
		return cfg, dirErr
	}
	if err != nil {
		return nil, err
	}
	return config.Load(path, kinds())
}

// everyFault is err, which settings returned beside cfg, and what is wrong together in
// what was right, so that nobody mends a config in two rounds.
func (a *app) everyFault(cfg *config.Config, err error) error {
	if err == nil || cfg == nil {
		return err
	}
	_, more := assemble(cfg, a.quiet(), knowsNothing)
	return config.Join(err, more)
}

// desk is where the daemon answers and what it keeps. A config that has a fault, or
// that only the daemon may read, keeps nobody from asking the daemon about it; of
// one with a fault nothing else is taken: a secret may stand in it by mistake.
func (a *app) desk() (*config.Config, error) {
	cfg, err := a.settings()
	var faults config.Faults
	switch {
	case err == nil:
		return cfg, nil
	case errors.As(err, &faults) && cfg != nil && filepath.IsAbs(cfg.Socket) && filepath.IsAbs(cfg.StateDir):
		return &config.Config{Socket: cfg.Socket, StateDir: cfg.StateDir}, nil
	case a.configFile != "":
		return nil, err
	case errors.Is(err, fs.ErrPermission):
		return config.Default(true), nil
	case errors.Is(err, config.ErrNoConfig):
		return config.Default(os.Geteuid() == 0), nil
	default:
		return nil, err
	}
}
