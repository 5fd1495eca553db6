package main

import (
	"cmp"
	"maps"
	"net/http"
	"slices"

	"github.com/livekey/livekey/internal/anthropicadmin"
	"github.com/livekey/livekey/internal/command"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/engine"
	"github.com/livekey/livekey/internal/peers"
	revokeadmin "github.com/livekey/livekey/internal/revoke/anthropicadmin"
	"github.com/livekey/livekey/internal/revoke/hook"
)

// addPeers makes what asks the other livekeys.
func (p *plan) addPeers() error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(p.cfg.Peers)) {
		peer := p.cfg.Peers[name]
		if err := (command.Command{Argv: peer.Exec}).Lint(); err != nil {
			faults = append(faults, peer.Node.Fault("exec", "%v", err))
			continue
		}
		p.peers[name] = peers.New(name, peer.Exec)
	}
	return config.Join(faults...)
}

// revoke makes what revokes the old versions of a key, nil if the config names nobody.
func (p *plan) revoke(k config.Key, provider string, client *http.Client) (*engine.Revoke, error) {
	r := k.Revoke
	switch {
	case r == nil:
		return nil, nil
	case r.Anthropic == nil:
		by, err := hook.New(r.Exec)
		if err != nil {
			return nil, k.Node.Fault("revoke.exec", "%v", err)
		}
		return &engine.Revoke{After: r.After, By: by}, nil
	case provider != anthropicProvider:
		return nil, k.Node.Fault("revoke.anthropic", "is for keys of provider %s, and this one's is %s", anthropicProvider, cmp.Or(provider, "not known before it is read"))
	}
	return &engine.Revoke{After: r.After, By: revokeadmin.New(adminAPI(*r.Anthropic, client))}, nil
}

// adminAPI makes what speaks Anthropic's Admin API.
func adminAPI(a config.AnthropicAdmin, client *http.Client) *anthropicadmin.Client {
	return anthropicadmin.New(anthropicadmin.Settings{AdminKeyFile: a.AdminKeyFile, BaseURL: a.BaseURL, Client: client})
}

// anthropicProvider is the catalog's name of those whose keys the Admin API lists.
const anthropicProvider = "anthropic"
