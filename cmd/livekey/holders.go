package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/holders"
)

// holders is what livekey-holders.service runs. It is for systemd, not for people, and so
// is in no list of commands.
func (a *app) holders() *cobra.Command {
	var peer string
	var idle time.Duration
	cmd := &cobra.Command{
		Use:    "holders",
		Hidden: true,
		Short:  "Look at the processes of every user, for the daemon alone",
		Args:   expects(0, 0, "nothing"),
		RunE: act(func(ctx context.Context, _ []string) error {
			uid, err := uidOf(peer)
			if err != nil {
				return misused("--for: %w", err)
			}
			l, err := inherited()
			if err != nil {
				return misused("%w: systemd starts this command, by livekey-holders.socket", err)
			}
			return holders.Server{
				UID: uid, Looker: holders.NewLocal(holders.Options{}), Idle: idle, Pace: holdersPace, Log: a.logger(config.Default(true).Log),
			}.Serve(ctx, l)
		}),
	}
	cmd.Flags().StringVar(&peer, "for", "livekey", "answer this `USER` and nobody else")
	cmd.Flags().DurationVar(&idle, "idle", time.Minute, "end when nobody asked for `D`")
	return cmd
}

// holdersPace is how long the service rests between two looks.
const holdersPace = time.Second

// uidOf is the number of a user, by name or number.
func uidOf(name string) (int, error) {
	u, err := user.Lookup(name)
	if err == nil {
		name = u.Uid
	}
	uid, errNumber := strconv.Atoi(name)
	if errNumber != nil {
		return 0, cmp.Or(err, errNumber)
	}
	return uid, nil
}

// inherited is the one socket that systemd listens on for us, see sd_listen_fds(3).
func inherited() (*net.UnixListener, error) {
	const first = 3
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) || os.Getenv("LISTEN_FDS") != "1" {
		return nil, errors.New("no socket was passed")
	}
	f := os.NewFile(first, "listener")
	defer func() { _ = f.Close() }()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("take the socket that was passed: %w", err)
	}
	unix, ok := l.(*net.UnixListener)
	if !ok {
		return nil, errors.Join(errors.New("what was passed is no socket of this machine"), l.Close())
	}
	return unix, nil
}
