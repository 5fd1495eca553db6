package main

import (
	"maps"
	"slices"

	"github.com/livekey/livekey/internal/command"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/peers"
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
