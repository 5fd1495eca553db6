// Package login is what speakers of databases have in common: a key is a whole DSN,
// or a password beside which the config says where it goes and as whom.
package login

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/validator"
)

// budget is what one login may take, the look-up and the leave included.
const budget = 15 * time.Second

// A Fault is why nothing was sent. It is livekey's word, and a rule says what it means.
type Fault string

// The faults.
const (
	NotADSN     Fault = "not_a_dsn"   // does not parse, or is of another kind of server
	NoHost      Fault = "no_host"     // a password alone, and the config does not say where it goes
	NoUser      Fault = "no_user"     // nor as whom
	NoPassword  Fault = "no_password" // a DSN without one proves nothing
	OtherHost   Fault = "other_host"  // a DSN that leads elsewhere than the config says
	Unsupported Fault = "unsupported" // a way to log in, or an address, that livekey does not know
	Address     Fault = "address"     // leads to a link-local or metadata address
	CAFile      Fault = "ca_file"     // cannot be read, or others may write it
	// UnverifiedKey is a server that wants the password sealed with a key that nobody vouches for.
	UnverifiedKey Fault = "unverified_key"
)

func (f Fault) Error() string { return "not sent: " + string(f) }

// A Speaker is a validator.Speaker of one dialect.
type Speaker struct {
	Dialect
	// Ask logs in at t, asks who that is, and leaves. Its error is that no answer
	// came, or a Fault; its text is not told.
	Ask func(ctx context.Context, t Target) (map[string]any, error)
}

// Speak makes one connection as the value, or the config, says.
func (s Speaker) Speak(ctx context.Context, c validator.Coded) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	t, err := s.target(c)
	var reply map[string]any
	if err == nil {
		reply, err = s.Ask(ctx, t)
	}
	if errors.Is(err, httpclient.ErrAddressRefused) {
		err = Address
	}
	if fault, ok := errors.AsType[Fault](err); ok {
		return map[string]any{"not_sent": string(fault)}, nil
	}
	if err != nil {
		return nil, s.failed(c.With, err)
	}
	return reply, nil
}

// failed tells the class of err, and of the place only what the config says: a
// client's error may quote the DSN or the server.
func (s Speaker) failed(with map[string]string, err error) error {
	where := "the host of the DSN"
	if with[paramHost] != "" {
		where = s.pinned(with).String()
	}
	return errors.New(where + ": " + cmp.Or(httpclient.Cause(err), "the connection broke, or what came over it is not the protocol of "+s.Name))
}
