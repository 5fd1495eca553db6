package main

import (
	"maps"
	"path/filepath"
	"slices"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/sandbox"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sources"
)

// needs is what the config asks for beyond what livekey.service allows.
func (p *plan) needs() []sandbox.Need {
	var all []sandbox.Need
	add := func(needs []sandbox.Need) { all = append(all, needs...) }
	for _, name := range slices.Sorted(maps.Keys(p.sinks)) {
		lodger, ok := p.sinks[name].(sinks.Lodger)
		if !ok {
			continue
		}
		n := p.cfg.Sinks[name].Settings
		owner, group := lodger.Belongs()
		add(sandbox.Writes(resolvedFolder(lodger.Folder()), group, n.Where("path")))
		add(sandbox.Group(group, n.Where("group")))
		add(sandbox.Owner(owner, n.Where("owner")))
	}
	p.eachFile(func(where, path string) { add(sandbox.Reads(path, where)) })
	for _, name := range slices.Sorted(maps.Keys(p.cfg.Keys)) {
		for _, w := range p.cfg.Keys[name].Reports {
			if w.Unit != "" {
				add(sandbox.Group(journalGroup, w.Node.Where("unit")))
			} else {
				add(sandbox.Reads(w.Path, w.Node.Where("path")))
			}
		}
	}
	add(sandbox.Writes(p.cfg.StateDir, "", p.cfg.Where("state_dir")))
	add(sandbox.Writes(filepath.Dir(p.cfg.Socket), "", p.cfg.Where("socket")))
	add(sandbox.Listens(p.cfg.Metrics, p.cfg.Where("metrics")))
	add(sandbox.Waits(p.cfg.StartupWait, p.cfg.Where("startup_wait")))
	add(p.signaled())
	add(sandbox.Manages(p.managed()))
	return all
}

// journalGroup may read the journal of every unit.
const journalGroup = "systemd-journal"

// resolvedFolder is a folder with the symlinks on the way followed: /var/run is /run.
func resolvedFolder(folder string) string { return filepath.Dir(resolved(filepath.Join(folder, "a"))) }

// eachFile goes through the files that the config has livekey read.
func (p *plan) eachFile(found func(where, path string)) {
	for _, name := range slices.Sorted(maps.Keys(p.cfg.Keys)) {
		k := p.cfg.Keys[name]
		for _, part := range slices.Sorted(maps.Keys(k.From)) {
			if placer, ok := p.sources[k.From[part].Source].(sources.Placer); ok {
				found(k.Node.Where("from"), placer.Path(k.From[part].Location))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.cfg.Sources)) {
		for where, path := range p.cfg.Sources[name].Settings.Files() {
			found(where, path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.cfg.Alerts)) {
		for where, path := range p.cfg.Alerts[name].Settings.Files() {
			found(where, path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.cfg.Providers)) {
		for where, path := range p.cfg.Providers[name].Node.Files() {
			found(where, path)
		}
	}
	p.eachStep(func(_ config.Sink, s config.Step) {
		for field, path := range map[string]string{"pid_file": s.PIDFile, "http.token_file": s.TokenFile} {
			if path != "" {
				found(s.Node.Where(field), path)
			}
		}
	})
	if p.cfg.SaltFile != "" {
		found(p.cfg.Where("salt_file"), p.cfg.SaltFile)
	}
}
