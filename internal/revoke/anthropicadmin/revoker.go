// Package anthropicadmin revokes an old version through Anthropic's Admin API: it is set
// inactive, which can be undone there. Where it is not certain which key that is, nothing
// is done.
package anthropicadmin

import (
	"context"
	"fmt"
	"slices"

	"github.com/livekey/livekey/internal/anthropicadmin"
	"github.com/livekey/livekey/internal/revoke"
)

type revoker struct{ api *anthropicadmin.Client }

// New makes the revoker. It does no I/O.
func New(api *anthropicadmin.Client) revoke.Revoker { return revoker{api} }

// Revoke finds the record of the version and sets it inactive.
func (v revoker) Revoke(ctx context.Context, o revoke.Order) (string, error) {
	if o.Value.Len() == 0 {
		return "", fmt.Errorf("revoke: %w: livekey has its value no more, by which its record would be found", revoke.ErrUncertain)
	}
	list, err := v.api.List(ctx)
	if err != nil {
		return "", err
	}
	if list.Another(o.Identity) {
		return "", fmt.Errorf("revoke: %w: the admin key belongs to another organization than the key", revoke.ErrUncertain)
	}
	r, err := single(list.Of(o.Value, o.Identity), o)
	if err != nil {
		return "", err
	}
	if r.Status != "active" {
		return fmt.Sprintf("%s is %s already", r.ID, r.Status), nil
	}
	if err := v.api.SetInactive(ctx, r); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s set inactive through the Admin API", r.ID), nil
}

// single returns the one record whose hint fits the version and no other that livekey has.
func single(found []anthropicadmin.Record, o revoke.Order) (anthropicadmin.Record, error) {
	switch {
	case len(found) == 0:
		return anthropicadmin.Record{}, fmt.Errorf("revoke: %w: no key of the organization has a hint that fits the version", revoke.ErrUncertain)
	case len(found) > 1:
		return anthropicadmin.Record{}, fmt.Errorf("revoke: %w: %d keys of the organization have a hint that fits the version", revoke.ErrUncertain, len(found))
	case !found[0].Usable():
		return anthropicadmin.Record{}, fmt.Errorf("revoke: %w: the record of the key has no usable id", revoke.ErrUncertain)
	}
	if slices.ContainsFunc(o.Others, found[0].Fits) {
		return anthropicadmin.Record{}, fmt.Errorf("revoke: %w: the hint fits another version of the key too", revoke.ErrUncertain)
	}
	return found[0], nil
}
