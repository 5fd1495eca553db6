package config

import (
	"regexp"
	"strings"
)

// shapes are the forms that credentials of well-known issuers have. One of them
// anywhere in a config is a secret in the wrong place.
var shapes = regexp.MustCompile(`(?:^|[^A-Za-z0-9])(?:` + strings.Join([]string{
	`sk-ant-[A-Za-z0-9_-]{6,}`,                     // Anthropic
	`sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{12,}`, // OpenAI
	`sk-[A-Za-z0-9]{20,}`,                          // OpenAI and those who copied it
	`[rs]k_(?:live|test)_[A-Za-z0-9]{10,}`,         // Stripe
	`gh[pousr]_[A-Za-z0-9]{16,}`,                   // GitHub
	`github_pat_[A-Za-z0-9_]{16,}`,
	`glpat-[A-Za-z0-9_-]{16,}`,
	`hv[sbr]\.[A-Za-z0-9_-]{8,}`, // Vault
	`A(?:KI|SI)A[A-Z0-9]{16}`,    // AWS
	`xox[abeoprs]-[A-Za-z0-9-]{10,}`,
	`AIza[A-Za-z0-9_-]{30,}`,
	`whsec_[A-Za-z0-9+/=]{16,}`,
	`eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{4,}`, // a signed JWT
	`-{5}BEGIN [A-Z ]*PRIVATE KEY`,
}, "|") + `)|://[^/\s:@]*:[^/\s@]+@`) // or the password of a URL

func looksSecret(s string) bool { return shapes.MatchString(s) }

// secretFields are names of fields that hold a secret wherever they stand.
var secretFields = regexp.MustCompile(`(?i)^(?:.*_)?(?:token|secret|password|passwd|passphrase|api_?key|` +
	`secret_id|secret_key|access_key|private_key|signing_key|client_key|credentials?|bearer)$`)

// mayHoldSecret says whether a scalar at this path is configuration in which a
// secret could have been written by mistake. The maps of a key whose names are
// variables and parts hold references, and what the providers expect is public.
func mayHoldSecret(path []string) bool {
	if len(path) < 3 {
		return false
	}
	switch path[0] {
	case "sources", "sinks", "alerts", "providers", "peers":
		return true
	case "keys":
		return len(path) == 3 || path[2] == "with" || path[2] == "revoke"
	default:
		return false
	}
}

// secretHint says where the secret belongs instead.
func secretHint(path []string) string {
	if len(path) > 0 && path[0] == "keys" {
		return "store it in a file or a backend and name that: from: file:///…"
	}
	if len(path) > 0 {
		if field := path[len(path)-1]; secretFields.MatchString(field) && showable(field) {
			return "store it in a file that only livekey may read, and write " + field + "_file: /…"
		}
	}
	return "store it in a file that only livekey may read, and name the file"
}
