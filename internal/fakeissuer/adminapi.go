package fakeissuer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// issued is a key of which the Admin API has a record: every one that was ever added.
type issued struct {
	id, value, organization string
	inactive                bool // by the Admin API
}

// listed is the record of a key, as the Admin API shows it (platform.claude.com, Admin API,
// API keys).
func (k issued) listed(a Account, known bool) map[string]any {
	status := "active"
	switch {
	case k.inactive:
		status = "inactive"
	case !known || a.State == Revoked:
		status = "archived"
	case a.State == Expired:
		status = "expired"
	}
	principal := map[string]any{"type": "user", "id": "user_1"}
	if a.Owner != "" {
		principal = map[string]any{"type": "service_account", "id": a.Owner}
	}
	var expires any
	if !a.ExpiresAt.IsZero() {
		expires = a.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return map[string]any{
		"type": "api_key", "id": k.id, "name": cmp.Or(a.Name, "key "+k.id), "status": status, "partial_key_hint": hint(k.value),
		"workspace_id": nil, "created_at": "2026-01-01T00:00:00Z", "created_by": map[string]any{"type": "user", "id": "user_1"},
		"expires_at": expires, "principal": principal,
	}
}

// hint is what the console shows of a key: its prefix, three characters, and the last four.
func hint(value string) string {
	prefix := len("sk-ant-api03-")
	return value[:min(prefix+3, len(value))] + "..." + value[max(0, len(value)-4):]
}

// record makes sure that there is a record of an API key. The caller holds mu.
func (i *Issuer) record(value string, a Account) {
	if !strings.HasPrefix(value, "sk-ant-api") {
		return
	}
	if at := slices.IndexFunc(i.issued, func(k issued) bool { return k.value == value }); at >= 0 {
		i.issued[at].organization, i.issued[at].inactive = a.Organization, false
		return
	}
	i.issued = append(i.issued, issued{id: fmt.Sprintf("apikey_%024d", len(i.issued)+1), value: value, organization: a.Organization})
}

// Updates is how many calls came that would change a key, whatever came of them.
func (i *Issuer) Updates() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.updates
}

// serveAdmin answers the Admin API's calls about keys. It is not ok if the path is another.
func (i *Issuer) serveAdmin(w http.ResponseWriter, r *http.Request, a Account, fail func(int, string, string, map[string]string)) (ok bool) {
	const path = "/v1/organizations/api_keys"
	id, one := strings.CutPrefix(r.URL.Path, path+"/")
	switch {
	case r.URL.Path == path && r.Method == http.MethodGet:
		i.listKeys(w, r, a)
	case one && (r.Method == http.MethodGet || r.Method == http.MethodPost):
		i.oneKey(w, r, a, id, fail)
	default:
		return false
	}
	return true
}

func (i *Issuer) listKeys(w http.ResponseWriter, r *http.Request, a Account) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 || limit > 1000 {
		limit = 20
	}
	after := r.URL.Query().Get("after_id")
	i.mu.Lock()
	data, more, first, last := []any{}, false, "", ""
	begun := after == ""
	for _, k := range i.issued {
		switch {
		case k.organization != a.Organization:
		case !begun:
			begun = k.id == after
		case len(data) == limit:
			more = true
		default:
			account, known := i.accounts[k.value]
			data = append(data, k.listed(account, known))
			if last = k.id; first == "" {
				first = k.id
			}
		}
	}
	i.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"data": data, "has_more": more, "first_id": first, "last_id": last})
}

// oneKey shows a key, or changes its status first.
func (i *Issuer) oneKey(w http.ResponseWriter, r *http.Request, a Account, id string, fail func(int, string, string, map[string]string)) {
	var update struct {
		Status string `json:"status"`
	}
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&update); err != nil ||
			!slices.Contains([]string{"active", "inactive", "archived"}, update.Status) {
			fail(http.StatusBadRequest, "invalid_request_error", "status: Input should be 'active', 'inactive' or 'archived'", nil)
			return
		}
	}
	i.mu.Lock()
	if r.Method == http.MethodPost {
		i.updates++
	}
	at := slices.IndexFunc(i.issued, func(k issued) bool { return k.id == id && k.organization == a.Organization })
	if at < 0 {
		i.mu.Unlock()
		fail(http.StatusNotFound, "not_found_error", "API key not found", nil)
		return
	}
	k := &i.issued[at]
	account, known := i.accounts[k.value]
	switch {
	case !known || update.Status == "":
	case update.Status == "active":
		k.inactive, account.State = false, Live
	case update.Status == "inactive":
		k.inactive, account.State = true, Revoked
	default:
		k.inactive, account.State = false, Revoked
	}
	if known {
		i.accounts[k.value] = account
	}
	shown := k.listed(account, known)
	i.mu.Unlock()
	answer(w, http.StatusOK, shown)
}
