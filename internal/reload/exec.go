package reload

import (
	"context"
	"fmt"
	"strings"

	"github.com/livekey/livekey/internal/command"
	"github.com/livekey/livekey/internal/trusted"
)

// Program tells a consumer by running a program, which learns what changed from its
// environment. Exit code 0 says that the consumer is back.
type Program struct {
	Command command.Command
	Health  Health
}

// Name is the command line, which everybody on the machine can see anyway.
func (p Program) Name() string { return "program " + strings.Join(p.Command.Argv, " ") }

// Reload runs the program.
func (p Program) Reload(ctx context.Context, c Change) (string, error) {
	if err := trusted.CheckProgram(p.Command.Argv[0]); err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnasked, err)
	}
	cmd := p.Command
	cmd.Env = []string{
		"LIVEKEY_SINK=" + c.Sink, "LIVEKEY_PATH=" + c.Path, "LIVEKEY_KEYS=" + c.names(),
		"LIVEKEY_FINGERPRINTS=" + c.prints(), "LIVEKEY_REASON=" + string(c.Reason),
	}
	got, err := cmd.Run(ctx, nil)
	if err == nil {
		err = got.Failure()
	}
	if err != nil {
		return "", err
	}
	return "ran", p.Health.ask(ctx)
}
