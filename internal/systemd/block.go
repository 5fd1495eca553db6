package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	godbus "github.com/godbus/dbus/v5"
)

// Block is the environment that systemd would start a service with, by names alone.
type Block struct {
	Absent bool            // systemd has no such unit
	Set    map[string]bool // by Environment=, and what the manager passes on: true if there is something in it
	Files  []string        // of EnvironmentFile=, in order; one that may be missing too
	Unset  map[string]bool // UnsetEnvironment=, which has the last word
}

// unitBlock is what a manager says of one service.
type unitBlock struct {
	load               string
	environment, files []string
	pass, unset        []string
}

// Block asks the system's manager, or the caller's own, about a service. The error wraps
// ErrUnreachable where no systemd runs or answers.
func (e *Environment) Block(ctx context.Context, unit string, own bool) (Block, error) {
	if _, err := os.Stat(filepath.Join(e.run, "systemd/system")); errors.Is(err, fs.ErrNotExist) {
		return Block{}, fmt.Errorf("ask about %s: %w: none runs here", unit, ErrUnreachable)
	}
	address := "unix:path=" + filepath.Join(e.run, "dbus/system_bus_socket")
	if own {
		address = "unix:path=" + filepath.Join(e.run, "user", strconv.Itoa(e.uid), "bus")
	}
	ctx, cancel := context.WithTimeout(ctx, busLimit)
	defer cancel()
	bus, err := e.connect(ctx, address)
	if err != nil {
		return Block{}, fmt.Errorf("ask about %s: %w", unit, err)
	}
	defer bus.close()
	u, err := bus.unit(ctx, unit)
	if err != nil {
		return Block{}, fmt.Errorf("ask about %s: %w", unit, err)
	}
	manager, err := bus.manager(ctx)
	if err != nil {
		return Block{}, fmt.Errorf("ask about %s: %w", unit, err)
	}
	return u.block(manager, own), nil
}

// block is what a service gets: a system's manager hands down what PassEnvironment= names,
// a user's all that it has.
func (u unitBlock) block(manager []string, own bool) Block {
	b := Block{Absent: u.load == "not-found", Set: map[string]bool{}, Files: u.files, Unset: map[string]bool{}}
	passed := map[string]bool{}
	for _, name := range u.pass {
		passed[name] = true
	}
	for _, variable := range manager {
		if name, value, _ := strings.Cut(variable, "="); own || passed[name] {
			b.Set[name] = value != ""
		}
	}
	for _, variable := range u.environment {
		name, value, _ := strings.Cut(variable, "=")
		b.Set[name] = value != ""
	}
	for _, variable := range u.unset {
		if name, _, one := strings.Cut(variable, "="); !one { // NAME=value unsets that value alone
			b.Unset[name] = true
		}
	}
	return b
}

func (b bus) unit(ctx context.Context, name string) (u unitBlock, err error) {
	var path godbus.ObjectPath
	err = b.conn.Object(systemdName, managerPath).CallWithContext(ctx, systemdName+".Manager.LoadUnit", 0, name).Store(&path)
	if err != nil {
		return u, fmt.Errorf("load the unit: %w", classify(err))
	}
	if err := b.get(ctx, path, "Unit", "LoadState", &u.load); err != nil || u.load == "not-found" {
		return u, err
	}
	var files []struct {
		Path    string
		Missing bool // it may be
	}
	for property, into := range map[string]any{
		"Environment": &u.environment, "EnvironmentFiles": &files, "PassEnvironment": &u.pass, "UnsetEnvironment": &u.unset,
	} {
		if err := b.get(ctx, path, "Service", property, into); err != nil {
			return u, err
		}
	}
	for _, f := range files {
		u.files = append(u.files, f.Path)
	}
	return u, nil
}
