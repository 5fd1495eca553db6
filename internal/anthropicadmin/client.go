// Package anthropicadmin speaks Anthropic's Admin API about the keys of an organization:
// it lists them and sets one inactive. The keys themselves are sent nowhere: which record is
// whose is found by the hint that the API shows of each key.
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
	"strings"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trusted"
)

const (
	version   = "2023-06-01"
	pageSize  = "100"
	maxPages  = 100 // of an organization's keys
	pagePause = 100 * time.Millisecond
	maxBody   = 1 << 20 // bytes of one answer
	maxKey    = 4096    // bytes of the admin key's file
)

// Settings are what New needs.
type Settings struct {
	AdminKeyFile string // read for each use
	BaseURL      string
	Client       *http.Client
}

// Client calls the API. Safe for concurrent use; make one with New.
type Client struct {
	file   string
	base   string
	client *http.Client
}

// New makes a Client. It does no I/O.
func New(s Settings) *Client {
	return &Client{file: s.AdminKeyFile, base: strings.TrimSuffix(s.BaseURL, "/"), client: s.Client}
}

const keysPath = "/v1/organizations/api_keys"

// List reads the records of all keys, page after page.
func (c *Client) List(ctx context.Context) (List, error) {
	credential, err := c.credential()
	if err != nil {
		return List{}, err
	}
	var list List
	query := url.Values{"limit": {pageSize}}
	for range maxPages {
		var page struct {
			Data   []Record `json:"data"`
			More   bool     `json:"has_more"`
			LastID string   `json:"last_id"`
		}
		header, err := c.call(ctx, credential, http.MethodGet, keysPath+"?"+query.Encode(), nil, &page)
		if err != nil {
			return List{}, fmt.Errorf("list the keys of the organization: %w", err)
		}
		list.Organization = header.Get("Anthropic-Organization-Id")
		list.Records = append(list.Records, page.Data...)
		if !page.More {
			return list, nil
		}
		if page.LastID == "" {
			break
		}
		query.Set("after_id", page.LastID)
		select {
		case <-time.After(pagePause):
		case <-ctx.Done():
			return List{}, fmt.Errorf("list the keys of the organization: %w", ctx.Err())
		}
	}
	return List{}, errors.New("list the keys of the organization: the list has no end")
}

// SetInactive has the API refuse a key, which can be undone there.
func (c *Client) SetInactive(ctx context.Context, r Record) error {
	credential, err := c.credential()
	if err != nil {
		return err
	}
	var got Record
	if _, err := c.call(ctx, credential, http.MethodPost, keysPath+"/"+r.ID, []byte(`{"status":"inactive"}`), &got); err != nil {
		return fmt.Errorf("set %s inactive: %w", r.ID, err)
	}
	if got.ID != r.ID || got.Status != "inactive" {
		return fmt.Errorf("set %s inactive: the Admin API answered without saying so", r.ID)
	}
	return nil
}

// credential reads the admin key, for this call alone.
func (c *Client) credential() (secret.Value, error) {
	b, err := trusted.ReadCredential(c.file, maxKey)
	if err != nil {
		return secret.Value{}, fmt.Errorf("read admin_key_file: %w", err)
	}
	v := secret.New(b)
	v = secret.New(bytes.TrimSpace(v.Reveal()))
	if v.Len() == 0 {
		return v, fmt.Errorf("read admin_key_file %s: it is empty", c.file)
	}
	return v, nil
}

// call makes one request and reads its answer, which must be 200.
func (c *Client) call(ctx context.Context, credential secret.Value, method, path string, body []byte, into any) (http.Header, error) {
	var send io.Reader
	if body != nil {
		send = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, send)
	if err != nil {
		return nil, secret.Scrub(err)
	}
	req.Header.Set("X-Api-Key", string(credential.Reveal()))
	req.Header.Set("Anthropic-Version", version)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.client.Do(req)
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
