package fakeissuer

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// serveOpenAI answers as the OpenAI API does (developers.openai.com, error codes).
func serveOpenAI(w http.ResponseWriter, r *http.Request, c credential, a Account, known bool, serial int) {
	w.Header().Set("X-Request-Id", fmt.Sprintf("req_%032d", serial))
	w.Header().Set("Openai-Processing-Ms", "12")
	w.Header().Set("Openai-Version", "2020-10-01")
	fail := func(status int, kind, code, message string) {
		answer(w, status, map[string]any{"error": map[string]any{"message": message, "type": kind, "param": nil, "code": code}})
	}
	switch {
	case c.value == "":
		answer(w, http.StatusUnauthorized, map[string]any{"error": map[string]any{
			"message": "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth.",
			"type":    "invalid_request_error", "param": nil, "code": nil,
		}})
		return
	case !known || a.State == Revoked || a.State == Expired:
		fail(http.StatusUnauthorized, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: "+masked(c.value)+
			". You can find your API key at https://platform.openai.com/account/api-keys.")
		return
	}
	if asked := r.Header.Get("Openai-Organization"); asked != "" && asked != a.Organization {
		fail(http.StatusUnauthorized, "invalid_request_error", "mismatched_organization", "OpenAI-Organization header should match organization for API key")
		return
	}
	w.Header().Set("Openai-Organization", a.Organization)
	switch a.State {
	case RateLimited:
		if a.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(a.RetryAfter/time.Second)))
		}
		fail(http.StatusTooManyRequests, "requests", "rate_limit_exceeded", "Rate limit reached for requests")
	case NoCredit, BillingProblem:
		fail(http.StatusTooManyRequests, "insufficient_quota", "insufficient_quota",
			"You exceeded your current quota, please check your plan and billing details.")
	case SpendCap:
		fail(http.StatusTooManyRequests, "insufficient_quota", "billing_hard_limit_reached", "Billing hard limit has been reached")
	case OrgDisabled, NeedsWorkspace:
		fail(http.StatusUnauthorized, "invalid_request_error", "no_organization",
			"You must be a member of an organization to use the API.")
	case LimitedScope:
		fail(http.StatusForbidden, "invalid_request_error", "missing_scope",
			"You have insufficient permissions for this operation. Missing scopes: api.model.read.")
	default:
		serveOpenAILive(w, r, c, fail)
	}
}

func serveOpenAILive(w http.ResponseWriter, r *http.Request, c credential, fail func(int, string, string, string)) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/organization/admin_api_keys") && strings.HasPrefix(c.value, "sk-admin-"):
		answer(w, http.StatusOK, map[string]any{"object": "list", "data": []any{}, "has_more": false})
	case strings.HasSuffix(r.URL.Path, "/models") && !strings.HasPrefix(c.value, "sk-admin-"):
		answer(w, http.StatusOK, map[string]any{"object": "list", "data": []any{
			map[string]any{"id": "gpt-5", "object": "model", "created": 1754425777, "owned_by": "system"},
		}})
	default:
		fail(http.StatusNotFound, "invalid_request_error", "unknown_url", "Unknown request URL: "+r.Method+" "+r.URL.Path)
	}
}

// masked shows a key as OpenAI's 401 does: its ends.
func masked(key string) string {
	if len(key) < 16 {
		return "****"
	}
	return key[:8] + strings.Repeat("*", 8) + key[len(key)-4:]
}
