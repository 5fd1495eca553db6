package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/kube"
)

const (
	// Status is the annotation with what is known of the keys of a Secret.
	Status = "livekey.dev/status"

	// annotator is whom the API server knows as its owner: it owns nothing else.
	annotator = "livekey-status"
)

// Notes says whether the config has Secrets annotated.
func (s *Source) Notes() bool { return s.annotate }

// Note makes text the annotation of the Secret at loc, by server-side apply of this field alone.
// A Secret that is not there is not made.
func (s *Source) Note(ctx context.Context, loc key.Location, text func(before string) string) error {
	path, err := s.path(loc)
	if err != nil {
		return fmt.Errorf("annotate %s: %w", loc, err)
	}
	var found struct {
		Metadata kube.Metadata `json:"metadata"`
	}
	err = s.client.Get(ctx, path, &found)
	if errors.Is(err, kube.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("annotate %s: %w", loc, err)
	}
	before := found.Metadata.Annotations[Status]
	now := text(before)
	if now == before {
		return nil
	}
	body, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Secret",
		"metadata": map[string]any{
			"name": found.Metadata.Name, "namespace": found.Metadata.Namespace,
			"uid":         found.Metadata.UID, // of this one: where it is gone, none is made
			"annotations": map[string]string{Status: now},
		},
	})
	if err != nil {
		return fmt.Errorf("annotate %s: %w", loc, err)
	}
	if err := s.client.Apply(ctx, path, annotator, true, body); err != nil {
		return fmt.Errorf("annotate %s: %w", loc, err)
	}
	return nil
}
