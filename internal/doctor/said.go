package doctor

import (
	"cmp"
	"fmt"
	"time"

	"github.com/livekey/livekey/internal/key"
)

// advice is what to do about a key that authenticates and cannot be used.
var advice = map[string]string{ //nolint:gosec // no credential
	"no_credit":       "buy credit, or store a key of another organization",
	"spend_cap":       "raise the limit in the issuer's console, or wait until it starts anew",
	"org_disabled":    "ask the issuer's support: no key of this organization works",
	"needs_workspace": "name the workspace: header anthropic-workspace-id, or with: {workspace: …} of the key",
}

// pages are where a person mends what only a console can.
var pages = map[string]string{ //nolint:gosec // no credential
	"anthropic/no_credit":       "https://platform.claude.com/settings/billing",
	"anthropic/spend_cap":       "https://platform.claude.com/settings/limits",
	"anthropic/keys":            "https://platform.claude.com/settings/keys",
	"anthropic/needs_workspace": "https://platform.claude.com/settings/workspaces",
	"openai/no_credit":          "https://platform.openai.com/settings/organization/billing",
	"openai/spend_cap":          "https://platform.openai.com/settings/organization/limits",
	"openai/keys":               "https://platform.openai.com/api-keys",
}

// page is a command for a browser; "" if nobody knows the page.
func (e *Evidence) page(of string) string {
	if p := pages[e.Provider+"/"+of]; p != "" {
		return "xdg-open " + p
	}
	return ""
}

// told is what the issuer said, in words.
func (e *Evidence) told() string {
	v := e.Verdict
	who := cmp.Or(e.Issuer, "the issuer")
	if v.HTTPStatus == 0 {
		return fmt.Sprintf("%s: %s", who, cmp.Or(v.Detail, string(v.Reason)))
	}
	text := fmt.Sprintf("%s answered %d: %s", who, v.HTTPStatus, cmp.Or(v.Detail, string(v.Reason)))
	if v.RequestID != "" {
		text += " (request " + v.RequestID + ")"
	}
	return text
}

func blocked(which string) func(e *Evidence) *sign {
	return func(e *Evidence) *sign {
		if e.Verdict.Reason != key.Blocked || e.Verdict.Which != which {
			return nil
		}
		return &sign{seen: e.told(), fix: advice[which], command: e.page(which)}
	}
}

func blockedOtherwise(e *Evidence) *sign {
	if e.Verdict.Reason != key.Blocked || advice[e.Verdict.Which] != "" {
		return nil
	}
	return &sign{seen: e.told(), fix: "unblock it in the issuer's console", command: e.page("keys")}
}

func missingScope(e *Evidence) *sign {
	if e.Verdict.Reason != key.LimitedScope {
		return nil
	}
	return &sign{
		seen: e.told(), fix: "the key lives, and may not do everything: give it the scope that the refused call needs", command: e.page("keys"), hint: true,
	}
}

// replaced is whether the source has a living version: then that is the cause, whatever
// became of the old one.
func (e *Evidence) replaced() bool { return e.Held.newer() }

// anew is how a dead key is replaced.
func (e *Evidence) anew(s *sign) *sign {
	s.fix = "make a new key and store it"
	if e.Held.From != "" {
		s.fix += " in " + e.Held.From
	}
	s.command = cmp.Or(e.page("keys"), e.rewrite())
	return s
}

func expired(e *Evidence) *sign {
	over := !e.Verdict.ExpiresAt.IsZero() && e.Now.After(e.Verdict.ExpiresAt)
	if e.replaced() || e.Verdict.Reason != key.Expired && !over {
		return nil
	}
	s := &sign{seen: e.told()}
	if over {
		s.seen += "; its time was over at " + e.Verdict.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return e.anew(s)
}

func revoked(e *Evidence) *sign {
	if e.replaced() || e.Verdict.Outcome != key.Dead || e.Verdict.Reason != key.Revoked {
		return nil
	}
	return e.anew(&sign{seen: e.told()})
}

func unknownKey(e *Evidence) *sign {
	if e.replaced() || e.Verdict.Outcome != key.Dead || e.Verdict.Reason != key.Invalid {
		return nil
	}
	return e.anew(&sign{seen: e.told()})
}
