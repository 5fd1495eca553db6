package main

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/normalize"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
)

// readForNames is how long a record may take of which the names of fields are wanted.
const readForNames = 10 * time.Second

// ofReferences takes keys from where `--from` says. A record without a field that is a JSON
// object or an env file is every field in it that is a known variable.
func (a *app) ofReferences(ctx context.Context, s subject) (inquiry, error) {
	var keys []subjectKey
	for _, text := range s.from {
		ref, err := config.ParseRef(text)
		if err != nil {
			return inquiry{}, misused("--from: %v", err)
		}
		found, err := a.inRecord(ctx, s, ref)
		if err != nil {
			return inquiry{}, err
		}
		keys = append(keys, found...)
	}
	for i := range keys { // two records may have fields of one name
		if slices.ContainsFunc(keys[:i], func(k subjectKey) bool { return k.name == keys[i].name }) {
			keys[i].name = key.Name(fmt.Sprintf("%s.%d", keys[i].name, i+1))
		}
	}
	return a.standalone(s, keys...)
}

// inRecord is the key that ref means, or those of its record.
func (a *app) inRecord(ctx context.Context, s subject, ref key.Ref) ([]subjectKey, error) {
	if ref.Field == "" && s.provider == "" {
		names, format, err := a.fieldsOf(ctx, s, ref)
		if err != nil {
			return nil, err
		}
		in := surroundings{names: names, lookup: func(string) string { return "" }, ref: func(variable string) key.Ref {
			return key.Ref{Location: withFormat(ref.Location, format), Field: variable}
		}}
		var keys []subjectKey
		for _, name := range names {
			k, complete, _ := in.together(name)
			if knownVariable(name) && complete && !slices.ContainsFunc(keys, func(other subjectKey) bool { return other.name == k.name }) {
				keys = append(keys, k)
			}
		}
		if len(keys) > 0 {
			return keys, nil
		}
	}
	k := s.alone(nameOf(ref), ref)
	if s.provider == "" && knownVariable(ref.Field) {
		k, _, _ = surroundings{names: []string{ref.Field}, lookup: func(string) string { return "" }, ref: func(string) key.Ref { return ref }}.together(ref.Field)
	}
	return []subjectKey{k}, nil
}

// fieldsOf reads the record for the names of what is in it. What cannot be read has none: the
// check of the whole says why.
func (a *app) fieldsOf(ctx context.Context, s subject, ref key.Ref) (names []string, format string, err error) {
	of, err := a.standalone(s, alone(nameOf(ref), ref))
	if err != nil {
		return nil, "", err
	}
	of.cfg.Keys = nil
	p, err := assemble(of.cfg, a.quiet(), knowsNothing)
	if err != nil {
		return nil, "", asUsage(err)
	}
	ctx, cancel := context.WithTimeout(ctx, readForNames)
	defer cancel()
	secret.Do(func() {
		if rec, err := p.sources[ref.Source].Fetch(ctx, ref.Location); err == nil {
			names, format = normalize.Fields(rec.Data)
		}
	})
	return names, format, nil
}

// withFormat is loc read as a record of that format, unless it says one itself.
func withFormat(loc key.Location, format string) key.Location {
	if _, said := sources.Params(loc)[sources.FormatParam]; said || format == "" {
		return loc
	}
	if loc.Params != "" {
		loc.Params += "&"
	}
	loc.Params += sources.FormatParam + "=" + format
	return loc
}

// nameOf is a name for the key at ref: its field's, or the last step of its path.
func nameOf(ref key.Ref) string {
	name := path.Base(ref.Path)
	if ref.Field != "" {
		name = path.Base(ref.Field)
	}
	name = strings.Map(func(r rune) rune {
		if r < 128 && (r == '_' || r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z') {
			return r
		}
		return '_'
	}, name)
	if name == "" || name[0] < 'A' {
		name = "key_" + name
	}
	return name[:min(len(name), 128)]
}
