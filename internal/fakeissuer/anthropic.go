package fakeissuer

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// serveAnthropic answers as the Anthropic API does (platform.claude.com, errors
// and authentication pages).
func (i *Issuer) serveAnthropic(w http.ResponseWriter, r *http.Request, c credential, a Account, known bool, serial int) {
	id := fmt.Sprintf("req_%024d", serial)
	w.Header().Set("Request-Id", id)
	fail := func(status int, kind, message string, details map[string]string) {
		body := map[string]any{"type": kind, "message": message}
		if details != nil {
			body["details"] = details
		}
		answer(w, status, map[string]any{"type": "error", "error": body, "request_id": id})
	}
	switch {
	case c.value == "":
		fail(http.StatusUnauthorized, "authentication_error", "x-api-key header is required", nil)
		return
	case a.State == Expired && c.bearer:
		fail(http.StatusUnauthorized, "authentication_error",
			"OAuth token has expired. Please obtain a new token or refresh your existing token.", nil)
		return
	case !known || a.State == Revoked || a.State == Expired:
		message := "invalid x-api-key"
		if c.bearer {
			message = "Invalid bearer token"
		}
		fail(http.StatusUnauthorized, "authentication_error", message, nil)
		return
	case strings.HasPrefix(c.value, "sk-ant-oat") && !strings.Contains(r.Header.Get("Anthropic-Beta"), "oauth-"):
		fail(http.StatusUnauthorized, "authentication_error", "OAuth authentication is currently not supported.", nil)
		return
	}

	w.Header().Set("Anthropic-Organization-Id", a.Organization)
	if asked := r.Header.Get("Anthropic-Workspace-Id"); asked != "" && a.Workspace != "" && asked != a.Workspace {
		fail(http.StatusNotFound, "not_found_error", "Workspace `"+asked+"` not found.", nil)
		return
	} else if a.State == NeedsWorkspace && asked == "" {
		fail(http.StatusBadRequest, "invalid_request_error",
			"anthropic-workspace-id is required when authenticating with an identity-linked API key; "+
				"set the header to the id of the workspace to use.", nil)
		return
	}
	if a.Workspace != "" {
		w.Header().Set("Anthropic-Workspace-Id", a.Workspace)
	}

	switch a.State {
	case RateLimited:
		if a.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(a.RetryAfter/time.Second)))
		}
		fail(http.StatusTooManyRequests, "rate_limit_error", "This request would exceed your account's rate limit. Please try again later.", nil)
	case NoCredit:
		fail(http.StatusBadRequest, "invalid_request_error", "Your credit balance is too low to access the Anthropic API. "+
			"Please go to Plans & Billing to upgrade or purchase credits.", nil)
	case SpendCap:
		fail(http.StatusTooManyRequests, "rate_limit_error", "You have reached the spend limit of your tier. "+
			"You will regain access on 2026-09-01 at 00:00 UTC.", map[string]string{"error_code": "enforced_spend_limit_reached"})
	case OrgDisabled:
		fail(http.StatusBadRequest, "invalid_request_error", "This organization has been disabled.", nil)
	case LimitedScope:
		fail(http.StatusForbidden, "permission_error", "OAuth token does not meet scope requirement user:profile", nil)
	case BillingProblem:
		fail(http.StatusPaymentRequired, "billing_error", "There is a problem with your billing information.", nil)
	default:
		i.serveAnthropicLive(w, r, c, a, fail)
	}
}

func (i *Issuer) serveAnthropicLive(w http.ResponseWriter, r *http.Request, c credential, a Account, fail func(int, string, string, map[string]string)) {
	admin := strings.HasPrefix(c.value, "sk-ant-admin")
	switch {
	case admin && i.serveAdmin(w, r, a, fail):
	case r.URL.Path == "/v1/models" && !admin:
		answer(w, http.StatusOK, map[string]any{
			"data": []any{map[string]any{
				"type": "model", "id": "claude-sonnet-4-5", "display_name": "Claude Sonnet 4.5", "created_at": "2025-09-29T00:00:00Z",
			}},
			"first_id": "claude-sonnet-4-5", "last_id": "claude-sonnet-4-5", "has_more": true,
		})
	case r.URL.Path == "/v1/organizations/me" && admin:
		answer(w, http.StatusOK, map[string]any{"id": a.Organization, "type": "organization", "name": "Example"})
	case r.URL.Path == "/v1/models" || r.URL.Path == "/v1/organizations/me":
		fail(http.StatusUnauthorized, "authentication_error", "invalid x-api-key", nil)
	default:
		fail(http.StatusNotFound, "not_found_error", "Not found", nil)
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that is gone needs no answer
}
