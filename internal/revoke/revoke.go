// Package revoke is the contract of those who end an old version where its issuer lets
// them. Whether it may be ended is decided elsewhere, before every call.
package revoke

import (
	"context"
	"errors"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

// Order names the version that is to be revoked.
type Order struct {
	Key         key.Name
	Version     key.Version
	Fingerprint key.Fingerprint
	Identity    key.Identity // of its owner, as the issuer told

	// Value is the version's own, empty if livekey has it no more. It goes nowhere: what the
	// issuer shows of a key is compared with it.
	Value secret.Value
	// Others must survive: the values of the other versions that livekey has.
	Others []secret.Value
}

// A Revoker revokes at one issuer, or by one program. Safe for concurrent use.
type Revoker interface {
	// Revoke ends the version and says how, in a few words for a person. It may be called
	// again for the same version, after an error or after nobody heard its answer: what is
	// revoked already is no error. It revokes that version or nothing: where it is not
	// certain which one is meant, its error wraps ErrUncertain.
	Revoke(ctx context.Context, o Order) (how string, err error)
}

// ErrUncertain says that nothing was done, because the version could be another one.
var ErrUncertain = errors.New("not certain which key is meant")
