package fakeissuer

import "crypto/rand"

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// NewAnthropicKey makes up an API key of 108 characters that nobody issued.
func NewAnthropicKey() string { return "sk-ant-api03-" + random(93) + "AA" }

// NewAnthropicAdminKey makes up an admin key of 110 characters.
func NewAnthropicAdminKey() string { return "sk-ant-admin01-" + random(93) + "AA" }

// NewAnthropicToken makes up an OAuth access token.
func NewAnthropicToken() string { return "sk-ant-oat01-" + random(77) }

// NewOpenAIKey makes up a project key.
func NewOpenAIKey() string { return "sk-proj-" + random(74) + "T3BlbkFJ" + random(74) }

// NewOpenAIAdminKey makes up an admin key.
func NewOpenAIAdminKey() string { return "sk-admin-" + random(58) + "T3BlbkFJ" + random(58) }

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = digits[b[i]&63]
	}
	return string(b)
}
