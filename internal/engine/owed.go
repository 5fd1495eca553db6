package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// content is what a sink has: variables, and the fingerprints of their parts.
type content = map[string]key.Fingerprint

// owed is the record of a reload that has not ended. It is written before the sink is,
// and says nothing about whether that write came to be: what is in the sink does.
type owed struct {
	// Before is what the consumers were told of last. A sink that has it again owes a
	// reload to those alone who were told of something else meanwhile: Touched.
	Before  content   `json:"before,omitempty"`
	Since   time.Time `json:"since"`
	Touched []string  `json:"touched,omitempty"`

	// How far it is, with the content of this digest.
	Of     string   `json:"of,omitempty"`
	Done   []string `json:"done,omitempty"`
	Failed string   `json:"failed,omitempty"` // the consumer that did not come back
	Error  string   `json:"error,omitempty"`  // why, or why nobody could be told
}

// turnTo makes now the content that is told. Who was told of another one is touched.
func (o *owed) turnTo(now content) {
	of := digest(now)
	if o.Of == of {
		return
	}
	for _, name := range append(o.Done, o.Failed) {
		if name != "" && !slices.Contains(o.Touched, name) {
			o.Touched = append(o.Touched, name)
		}
	}
	o.Of, o.Done, o.Failed, o.Error = of, nil, "", ""
}

// returned says whether the sink has what everybody was told of before.
func (o *owed) returned(now content) bool { return maps.Equal(o.Before, now) }

// owes says whether the consumer is still to be told of now, to which o was turned.
func (o *owed) owes(name string, now content) bool {
	if slices.Contains(o.Done, name) {
		return false
	}
	return !o.returned(now) || slices.Contains(o.Touched, name)
}

// digest is a content in short.
func digest(c content) string {
	h := sha256.New()
	for _, variable := range slices.Sorted(maps.Keys(c)) {
		_, _ = fmt.Fprintf(h, "%s=%s\n", variable, string(c[variable]))
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// owed is the reload that a sink owes, nil if it owes none.
func (s store) owed(sink string) (*owed, error) {
	var o owed
	known, err := s.Get(kindReload, sink, &o)
	if err != nil {
		return nil, fmt.Errorf("read the journal of what sink %s owes: %w", sink, err)
	}
	if !known {
		return nil, nil //nolint:nilnil // nothing is owed
	}
	return &o, nil
}

// forgetReloads drops what is owed to consumers that the config no longer names, and
// resolves what was told of them.
func (e *Engine) forgetReloads() {
	var gone []string
	err := e.store.Each(kindReload, func(sink string, _ json.RawMessage) error {
		if s := e.sinks[sink]; s == nil || s.reloads == nil {
			gone = append(gone, sink)
		}
		return nil
	})
	if err != nil {
		e.keep(err)
	}
	for _, sink := range gone {
		e.keep(e.store.Delete(kindReload, sink))
		e.alerts.resolve("sink/"+sink, key.ReloadFailed, "nobody is to be told any more")
	}
}
