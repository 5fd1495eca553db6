package vault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
)

// payload is the answer to a read of KV v2. A deleted version comes with
// status 404, its metadata and null for data; a secret that is not there with
// status 404 and an empty list of errors.
type payload struct {
	Errors *[]string `json:"errors"`
	Data   *struct {
		Data     json.RawMessage `json:"data"`
		Metadata *struct {
			Version      int64     `json:"version"`
			CreatedTime  time.Time `json:"created_time"`
			DeletionTime moment    `json:"deletion_time"` // to come, if the mount deletes by age
			Destroyed    bool      `json:"destroyed"`
		} `json:"metadata"`
	} `json:"data"`
}

// moment is a time, or "" for none.
type moment struct{ time.Time }

// UnmarshalJSON reads RFC 3339 or nothing.
func (m *moment) UnmarshalJSON(text []byte) error {
	if string(text) == `""` {
		return nil
	}
	return m.Time.UnmarshalJSON(text)
}

// record turns an answer to a read of at into a Record or an error. It takes the body.
func (a answer) record(at location) (sources.Record, error) {
	defer clear(a.body) // what a Record keeps is a copy
	switch {
	case a.status != http.StatusOK && a.status != http.StatusNotFound:
		return sources.Record{}, a.refusal(at)
	case at.kv == 1:
		return a.unversioned(at)
	default:
		return a.versioned(at)
	}
}

// unversioned reads the answer of a KV engine of version 1, which knows of a secret
// no number and no time.
func (a answer) unversioned(at location) (sources.Record, error) {
	var p struct {
		Errors *[]string       `json:"errors"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		return sources.Record{}, a.foreign()
	}
	if a.status == http.StatusNotFound {
		if a.warns(isVersioned) {
			return sources.Record{}, fmt.Errorf("%w: %s/ is of version 2, and was taken for version 1 (%w)", ErrVersion, at.mount, ErrAnswer)
		}
		return sources.Record{}, payload{Errors: p.Errors}.notFound(at, a)
	}
	return recordOf(p.Data)
}

// recordOf makes a Record of a secret's data, as Vault spelled it.
func recordOf(data json.RawMessage) (sources.Record, error) {
	if !bytes.HasPrefix(data, []byte("{")) {
		return sources.Record{}, fmt.Errorf("%w: the data of the secret is no JSON object", ErrAnswer)
	}
	return sources.Record{Data: secret.New(data)}, nil
}

// foreign is the error for an answer that is not in Vault's JSON. What the decoder
// says quotes the body.
func (a answer) foreign() error {
	return fmt.Errorf("%w: status %d without Vault's JSON; does the address lead to Vault?", ErrAnswer, a.status)
}

// versioned reads the answer of a KV engine of version 2.
func (a answer) versioned(at location) (sources.Record, error) {
	var p payload
	if err := json.Unmarshal(a.body, &p); err != nil {
		return sources.Record{}, a.foreign()
	}
	if a.status == http.StatusNotFound {
		return sources.Record{}, p.notFound(at, a)
	}
	if p.Data == nil || p.Data.Metadata == nil || p.Data.Metadata.Version < 1 {
		return sources.Record{}, fmt.Errorf("%w: no KV version 2 record; is %s/ a KV engine of version 2? (%w)", ErrAnswer, at.mount, ErrVersion)
	}
	data, meta := p.Data.Data, p.Data.Metadata
	if at.version != 0 && meta.Version != at.version {
		return sources.Record{}, fmt.Errorf("%w: asked for version %d, told version %d", ErrAnswer, at.version, meta.Version)
	}
	r, err := recordOf(data)
	if err != nil {
		return r, err
	}
	r.Version, r.Number, r.Created = versionID(meta.Version), meta.Version, meta.CreatedTime.UTC()
	if meta.Version > 1 {
		r.Previous = versionID(meta.Version - 1)
	}
	if !meta.DeletionTime.IsZero() {
		r.Expires = meta.DeletionTime.UTC()
	}
	return r, nil
}

// notFound says what is missing: the version, the secret or the mount. A 404 that is
// not Vault's own says nothing about the secret.
func (p payload) notFound(at location, a answer) error {
	if p.Data != nil && p.Data.Metadata != nil {
		meta := p.Data.Metadata
		if meta.Destroyed {
			return fmt.Errorf("version %d is destroyed, and its data gone for good: write a new version: %w (%w)",
				meta.Version, key.ErrNotFound, ErrDeleted)
		}
		return fmt.Errorf("version %d was deleted at %s (`vault kv undelete -mount=%s -versions=%d %s` brings it back): %w (%w)",
			meta.Version, meta.DeletionTime.UTC().Format(time.RFC3339), at.mount, meta.Version, at.path, key.ErrNotFound, ErrDeleted)
	}
	switch {
	case p.Errors == nil:
		return a.foreign()
	case a.says(noRoute):
		return fmt.Errorf("%w at %s/ (%w): see `vault secrets list`; a mount with slashes is named with ?mount=, "+
			"or found by livekey where kv is left out", ErrNoMount, at.mount, key.ErrNotFound)
	case at.version != 0:
		return fmt.Errorf("no version %d of %s in the KV version 2 engine at %s/: %w", at.version, at.path, at.mount, key.ErrNotFound)
	default:
		return fmt.Errorf("no secret %s in the KV version %d engine at %s/%s: %w", at.path, at.kv, at.mount, at.hint(), key.ErrNotFound)
	}
}

// hint names the usual slip: a path copied from the HTTP API.
func (at location) hint() string {
	if rest, ok := strings.CutPrefix(at.path, "data/"); ok && at.kv == 2 {
		return " (livekey adds data/ itself: is it " + at.mount + "/" + rest + "?)"
	}
	return ""
}

func versionID(n int64) key.Version { return key.Version(strconv.FormatInt(n, 10)) }
