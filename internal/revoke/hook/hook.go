// Package hook has a program of the user's revoke an old version. It gets names and a
// fingerprint, and no value.
package hook

import (
	"context"
	"fmt"
	"time"

	"github.com/livekey/livekey/internal/command"
	"github.com/livekey/livekey/internal/revoke"
)

const timeout = 30 * time.Second

type revoker struct{ argv []string }

// New makes a revoker of a program and its arguments.
func New(argv []string) (revoke.Revoker, error) {
	return revoker{argv}, (command.Command{Argv: argv}).Lint()
}

// Revoke runs the program. Exit code 0 says that the version is revoked.
func (r revoker) Revoke(ctx context.Context, o revoke.Order) (string, error) {
	got, err := command.Command{Argv: r.argv, Timeout: timeout, Env: []string{
		"LIVEKEY_KEY=" + string(o.Key),
		"LIVEKEY_VERSION=" + string(o.Version),
		"LIVEKEY_FINGERPRINT=" + o.Fingerprint.String(),
	}}.Run(ctx, nil)
	if err != nil {
		return "", fmt.Errorf("revoke: %w", err)
	}
	if err := got.Failure(); err != nil {
		return "", fmt.Errorf("revoke by %s: %w", r.argv[0], err)
	}
	return "by " + r.argv[0], nil
}
