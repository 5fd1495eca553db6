package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

// listLimit is how long a check waits for the list of an issuer.
const listLimit = 10 * time.Second

// lists are the lists of keys that issuers keep, by provider, each read at the first key
// that lives. One that cannot be read tells nothing of any key.
func (p *plan) lists(ctx context.Context, log *slog.Logger) map[string]engine.Lists {
	all := map[string]engine.Lists{}
	for provider, from := range p.admins {
		read := sync.OnceValue(func() engine.Lists {
			ctx, cancel := context.WithTimeout(ctx, listLimit)
			defer cancel()
			find, err := from.Inventory(ctx)
			if err != nil {
				log.WarnContext(ctx, "list of keys not read", "provider", provider, "err", err)
				return func(secret.Value, key.Identity) *key.Listing { return nil }
			}
			return find
		})
		all[provider] = func(v secret.Value, owner key.Identity) *key.Listing { return read()(v, owner) }
	}
	return all
}
