package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
)

// errLost says that nobody has the bytes of a version any more.
var errLost = errors.New("its bytes are in no source and no sink any more")

// errUnread says that its source may still come with it by itself.
var errUnread = errors.New("its bytes are in no sink, and its source was not read yet")

// recall reads a version again that was delivered before livekey started: its values are
// in no memory and in no sink, but a backend that keeps versions may have them. What it
// returns is held from then on. An error that is not errLost is one to try again after.
func (k *keyRun) recall(ctx context.Context, f key.Fingerprint) (proof.Material, error) {
	k.mu.Lock()
	state := k.state
	asked := slices.Contains(k.lost, f)
	k.mu.Unlock()
	v := state.Find(f)
	switch {
	case v == nil, asked, v == state.Candidate: // what the source has now comes by itself
		return proof.Material{}, errLost
	case !k.wasRead():
		return proof.Material{}, errUnread
	}
	m, err := k.former(ctx, v.ID)
	if err == nil && m.Fingerprint != f {
		err = fmt.Errorf("the backend has other bytes under version %s: %w", v.ID, errLost)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case errors.Is(err, errLost):
		k.lost = append(k.lost, f)
	case err == nil && k.state.Find(f) != nil:
		k.materials.put(m)
	}
	return m, err
}

// former reads one version of every place of the key.
func (k *keyRun) former(ctx context.Context, version key.Version) (proof.Material, error) {
	ids := []string{string(version)}
	if len(k.places) > 1 {
		ids = strings.Split(string(version), versionSeparator)
	}
	if len(ids) != len(k.places) { // some place has no versions
		return proof.Material{}, errLost
	}
	records := map[key.Location]sources.Record{}
	places := map[key.Location]bool{}
	for _, l := range k.places {
		places[l.loc] = true
	}
	for i, loc := range sortedLocations(places) {
		r, err := k.e.sources[loc.Source].former(ctx, loc, key.Version(ids[i]))
		if err != nil {
			return proof.Material{}, err
		}
		records[loc] = r
	}
	var m proof.Material
	var fault *key.Verdict
	secret.Do(func() { m, _, fault = k.material(k.e.hasher, records) })
	if fault != nil {
		return proof.Material{}, fmt.Errorf("version %s is %s by now (%s): %w", version, fault.Reason, fault.Which, errLost)
	}
	m.Version = version
	return m, nil
}

// former reads one version of a record, where the backend keeps them.
func (s *sourceRun) former(ctx context.Context, loc key.Location, v key.Version) (r sources.Record, err error) {
	h, ok := s.backend.(sources.Historian)
	if !ok {
		return r, errLost
	}
	at, ok := h.Former(loc, v)
	if !ok {
		return r, errLost
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	secret.Do(func() { r, err = s.backend.Fetch(ctx, at) })
	s.e.count.SourceRead(s.name, failure(err))
	if errors.Is(err, key.ErrNotFound) {
		return r, fmt.Errorf("%w: %w", errLost, err)
	}
	return r, err
}
