package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/admin"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/rotation"
)

// claimEvery is how soon a consumer that has said which version it has may say that it has
// an old one after all. That it has moved on is heard at once.
const claimEvery = 5 * time.Second

// Adopted notes which version a consumer says it has loaded, be it the current one or not.
func (e *Engine) Adopted(by admin.Speaker, r admin.Adopted) (report.Adoption, error) {
	k, err := e.spokenFor(by, r.Key)
	if err != nil {
		return report.Adoption{}, err
	}
	c, err := e.speaksFor(k, by, r.Consumer)
	if err != nil {
		return report.Adoption{}, err
	}
	if c == "" {
		return report.Adoption{}, admin.BadRequest("consumer: nobody can see who you are; name one that the key declares")
	}
	f, err := k.claimed(r)
	if err != nil {
		return report.Adoption{}, err
	}
	if err := k.mayClaim(c, f); err != nil {
		return report.Adoption{}, err
	}
	how := byItself
	if !by.Trusted && e.consumer(by.PID, by.UID) != c {
		how = byOther
	}
	e.adopted(k.Name, c, f, how)
	for _, a := range e.adoptions(k.Name) {
		if a.Consumer == c {
			return a, nil
		}
	}
	return report.Adoption{}, fmt.Errorf("note what %s has of key %s: the journal does not keep it", c, k.Name)
}

// mayClaim bounds what consumers have the journal write.
func (k *keyRun) mayClaim(c key.Consumer, f key.Fingerprint) error {
	all, err := k.e.store.adoptions(k.Name)
	if err != nil {
		return err
	}
	current := k.stage(f) == key.StageCurrent
	switch was, known := all[c]; {
	case !known && len(all) >= maxAdoptions && !slices.Contains(k.Consumers, c):
		return fmt.Errorf("note another consumer of key %s: %w: %d are known", k.Name, admin.ErrConflict, len(all))
	case known && was.How != byScan && was.Fingerprint != f && !current && now().Sub(was.Since) < claimEvery:
		return fmt.Errorf("note what %s has: %w: it said otherwise a moment ago", c, admin.ErrConflict)
	}
	return nil
}

// claimed is the delivered version that a consumer means.
func (k *keyRun) claimed(r admin.Adopted) (key.Fingerprint, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var found []key.Fingerprint
	for _, v := range k.state.Delivered() {
		if k.means(r, v) && !slices.Contains(found, v.Fingerprint) {
			found = append(found, v.Fingerprint)
		}
	}
	switch {
	case len(found) == 0:
		return "", admin.BadRequest("no version of this key that was delivered is the one that you have")
	case len(found) > 1 && r.Version == "":
		return "", admin.BadRequest("several versions have this part in common: send another part's")
	}
	return found[0], nil // an id that came back is the newest's
}

// means says whether a claim is about v. The caller holds mu.
func (k *keyRun) means(r admin.Adopted, v rotation.Version) bool {
	switch {
	case r.Version != "":
		return v.ID == r.Version
	case r.Fingerprint != "":
		return slices.ContainsFunc(append(v.Prints(), v.Fingerprint), func(f key.Fingerprint) bool {
			return strings.HasPrefix(string(f), r.Fingerprint)
		})
	}
	m, held := k.materials.get(v.Fingerprint)
	if !held {
		return false
	}
	for _, part := range m.Parts {
		if part.HasSHA256(r.SHA256) {
			return true
		}
	}
	return false
}
