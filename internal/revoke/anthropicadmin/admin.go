// Package anthropicadmin sets an old key inactive through Anthropic's Admin API, which can
// be undone there. The key itself is sent nowhere: its record is found by the hint that the
// API shows of each key, and where the hint fits more than one, nothing is done.
package anthropicadmin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/revoke"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trusted"
)

const (
	version  = "2023-06-01"
	pageSize = "100"
	maxPages = 100     // of an organization's keys
	maxBody  = 1 << 20 // bytes of one answer
	maxKey   = 4096    // bytes of the admin key's file
)

// Settings are what New needs.
type Settings struct {
	AdminKeyFile string // read for each call
	BaseURL      string
	Client       *http.Client
}

type admin struct {
	file   string
	base   string
	client *http.Client
}

// New makes the revoker. It does no I/O.
func New(s Settings) revoke.Revoker {
	return &admin{file: s.AdminKeyFile, base: strings.TrimSuffix(s.BaseURL, "/"), client: s.Client}
}

// record is what the API tells of one key.
type record struct {
	ID     string `json:"id"`
	Status string `json:"status"` // active, inactive, archived, expired
	Hint   string `json:"partial_key_hint"`
}

// Revoke finds the record of the version and sets it inactive.
func (a *admin) Revoke(ctx context.Context, o revoke.Order) (string, error) {
	if o.Value.Len() == 0 {
		return "", fmt.Errorf("revoke: %w: livekey has its value no more, by which its record would be found", revoke.ErrUncertain)
	}
	credential, err := a.credential()
	if err != nil {
		return "", err
	}
	r, err := a.find(ctx, credential, o)
	if err != nil {
		return "", err
	}
	if r.Status != "active" {
		return fmt.Sprintf("%s is %s already", r.ID, r.Status), nil
	}
	var got record
	path := "/v1/organizations/api_keys/" + r.ID
	if _, err := a.call(ctx, credential, http.MethodPost, path, []byte(`{"status":"inactive"}`), &got); err != nil {
		return "", fmt.Errorf("set %s inactive: %w", r.ID, err)
	}
	if got.ID != r.ID || got.Status != "inactive" {
		return "", fmt.Errorf("set %s inactive: the Admin API answered without saying so", r.ID)
	}
	return fmt.Sprintf("%s set inactive through the Admin API", r.ID), nil
}

// credential reads the admin key, for this call alone.
func (a *admin) credential() (secret.Value, error) {
	b, err := trusted.ReadCredential(a.file, maxKey)
	if err != nil {
		return secret.Value{}, fmt.Errorf("read admin_key_file: %w", err)
	}
	v := secret.New(b)
	v = secret.New(bytes.TrimSpace(v.Reveal()))
	if v.Len() == 0 {
		return v, fmt.Errorf("read admin_key_file %s: it is empty", a.file)
	}
	return v, nil
}

// find returns the one record whose hint fits the version and no other that livekey has.
func (a *admin) find(ctx context.Context, credential secret.Value, o revoke.Order) (record, error) {
	var found []record
	query := url.Values{"limit": {pageSize}}
	for range maxPages {
		var page struct {
			Data   []record `json:"data"`
			More   bool     `json:"has_more"`
			LastID string   `json:"last_id"`
		}
		header, err := a.call(ctx, credential, http.MethodGet, "/v1/organizations/api_keys?"+query.Encode(), nil, &page)
		if err != nil {
			return record{}, fmt.Errorf("list the keys of the organization: %w", err)
		}
		if owner, own := header.Get("Anthropic-Organization-Id"), o.Identity["organization"]; owner != "" && own != "" && owner != own {
			return record{}, fmt.Errorf("revoke: %w: the admin key belongs to another organization than the key", revoke.ErrUncertain)
		}
		for _, r := range page.Data {
			if fits(r.Hint, o.Value) {
				found = append(found, r)
			}
		}
		if !page.More {
			return single(found, o)
		}
		if page.LastID == "" {
			break
		}
		query.Set("after_id", page.LastID)
	}
	return record{}, errors.New("list the keys of the organization: the list has no end")
}

const (
	small  = "abcdefghijklmnopqrstuvwxyz_"
	plain  = small + "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	maxID  = 128
	maxErr = 40 // of the type of an error
)

// madeOf says whether s has between 1 and most bytes, all of them of set. An expression
// would take a tenth of a megabyte of every livekey.
func madeOf(s, set string, most int) bool {
	return s != "" && len(s) <= most && strings.Trim(s, set) == ""
}

func single(found []record, o revoke.Order) (record, error) {
	switch {
	case len(found) == 0:
		return record{}, fmt.Errorf("revoke: %w: no key of the organization has a hint that fits the version", revoke.ErrUncertain)
	case len(found) > 1:
		return record{}, fmt.Errorf("revoke: %w: %d keys of the organization have a hint that fits the version", revoke.ErrUncertain, len(found))
	case !madeOf(found[0].ID, plain, maxID):
		return record{}, fmt.Errorf("revoke: %w: the record of the key has no usable id", revoke.ErrUncertain)
	}
	for _, other := range o.Others {
		if fits(found[0].Hint, other) {
			return record{}, fmt.Errorf("revoke: %w: the hint fits another version of the key too", revoke.ErrUncertain)
		}
	}
	return found[0], nil
}

// A hint is the beginning of a key, three dots, and its end: sk-ant-api03-R2D...igAA. What
// every key begins with tells none from another.
var hintPrefix = regexp.MustCompile(`^sk-ant-[a-z]+[0-9]+-`)

const minShown = 7 // characters behind the prefix and at the end, together

// fits says whether a hint is one of v. A hint that shows too little fits nothing.
func fits(hint string, v secret.Value) bool {
	head, tail, ok := strings.Cut(hint, "...")
	prefix := hintPrefix.FindString(head)
	if !ok || prefix == "" || tail == "" || len(head)-len(prefix)+len(tail) < minShown {
		return false
	}
	b := v.Reveal()
	return len(b) > len(head)+len(tail) && bytes.HasPrefix(b, []byte(head)) && bytes.HasSuffix(b, []byte(tail))
}

// call makes one request and reads its answer, which must be 200.
func (a *admin) call(ctx context.Context, credential secret.Value, method, path string, body []byte, into any) (http.Header, error) {
	var send io.Reader
	if body != nil {
		send = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, send)
	if err != nil {
		return nil, secret.Scrub(err)
	}
	req.Header.Set("X-Api-Key", string(credential.Reveal()))
	req.Header.Set("Anthropic-Version", version)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, secret.Scrub(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := httpclient.ReadAll(resp.Body, maxBody)
	if err != nil {
		return nil, secret.Scrub(err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the Admin API answered %d%s", resp.StatusCode, kindOf(answer))
	}
	if json.Unmarshal(answer, into) != nil {
		return nil, errors.New("the Admin API answered 200 with something else than its JSON")
	}
	return resp.Header, nil
}

// kindOf is the type of an error, "" if the answer has none.
func kindOf(answer []byte) string {
	var e struct {
		Error struct {
			Type string `json:"type"`
		} `json:"error"`
	}
	if json.Unmarshal(answer, &e) != nil || !madeOf(e.Error.Type, small, maxErr) {
		return ""
	}
	return " " + e.Error.Type
}
