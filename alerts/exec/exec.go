// Package execchannel hands alerts to a program of the user's: what no other kind
// can reach.
package execchannel

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/livekey/livekey/alerts"
	"github.com/livekey/livekey/internal/command"
	"github.com/livekey/livekey/internal/config"
)

const (
	defaultTimeout = 10 * time.Second
	maxTimeout     = 25 * time.Second // the engine waits little longer

	// exitRefused says that the program will never take this alert; it is what
	// qmail's commands say for that.
	exitRefused = 100

	maxVariable = 1 << 10 // bytes of one variable's value
)

type settings struct {
	Command []string      `yaml:"command"`
	Env     []string      `yaml:"env"` // names of variables that the program gets
	Timeout time.Duration `yaml:"timeout"`
}

// Settings are those of an entry, for whoever describes the config.
func Settings() any { return settings{} }

type channel struct {
	name    string
	command command.Command
}

// FromConfig makes the channel that node describes.
func FromConfig(env alerts.Env, node config.Node) (alerts.Channel, error) {
	set := settings{Timeout: defaultTimeout}
	if err := node.Decode(&set); err != nil {
		return nil, err
	}
	c := &channel{name: env.Name, command: command.Command{Argv: set.Command, Inherit: set.Env, Timeout: set.Timeout}}
	var faults []error
	if err := (command.Command{Argv: set.Command}).Lint(); err != nil {
		faults = append(faults, node.Fault("command", "%v", err))
	} else if err := c.command.Lint(); err != nil {
		faults = append(faults, node.Fault("env", "%v", err))
	}
	if set.Timeout <= 0 || set.Timeout > maxTimeout {
		faults = append(faults, node.Fault("timeout", "must be more than 0s and at most %s", maxTimeout))
	}
	return c, errors.Join(faults...)
}

// Variables are those that the program gets.
func (c *channel) Variables() []string { return c.command.Inherit }

// Send runs the program with the alert's JSON on stdin, as the webhook has it, and
// its most wanted fields in variables.
func (c *channel) Send(ctx context.Context, a alerts.Alert) error {
	if err := c.send(ctx, a); err != nil {
		return fmt.Errorf("send alert to %s: %w", cmp.Or(c.name, "exec"), err)
	}
	return nil
}

func (c *channel) send(ctx context.Context, a alerts.Alert) error {
	a.Timestamp, a.Data.Since = a.Timestamp.UTC(), a.Data.Since.UTC()
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode alert: %w", err)
	}
	cmd := c.command
	cmd.Env = variables(a)
	got, err := cmd.Run(ctx, append(body, '\n'))
	if err != nil {
		return err
	}
	if got.Exit == exitRefused {
		return fmt.Errorf("%w: %w", got.Failure(), alerts.ErrRefused)
	}
	return got.Failure()
}

// variables are the fields that a short script asks for.
func variables(a alerts.Alert) []string {
	d := a.Data
	var env []string
	for _, v := range [][2]string{
		{"EVENT_ID", alerts.EventID(a)},
		{"EVENT", a.Type.Happened()},
		{"ID", d.ID},
		{"CAUSE", string(d.Cause)},
		{"SEVERITY", string(d.Severity)},
		{"KEY", string(d.Key)},
		{"PROVIDER", d.Provider},
		{"SUMMARY", d.Summary},
		{"SINCE", d.Since.Format(time.RFC3339)},
	} {
		env = append(env, "LIVEKEY_"+v[0]+"="+alerts.Line(v[1], maxVariable))
	}
	return env
}
