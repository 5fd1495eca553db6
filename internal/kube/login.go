package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/internal/trusted"
)

// maxToken is the longest token that livekey shows.
const maxToken = 16 << 10

// login is how livekey says who it is, beside a certificate. Safe for concurrent use.
type login interface {
	// token is what a request carries; empty: nothing. It is another one than refused, which
	// the server did not take, where there is another.
	token(ctx context.Context, refused secret.Value) (secret.Value, error)
}

// nobody has no token: a certificate says who it is, or nothing does.
type nobody struct{}

func (nobody) token(context.Context, secret.Value) (secret.Value, error) { return secret.Value{}, nil }

// fixedToken is one that a kubeconfig holds.
type fixedToken struct{ value secret.Value }

func (f fixedToken) token(context.Context, secret.Value) (secret.Value, error) { return f.value, nil }

// fileToken is read again when its file changes, as the kubelet's does every hour.
type fileToken struct {
	path string
	seen *trusted.Seen

	mu    sync.Mutex
	value secret.Value
}

// tokenOf is the login by the token in a file; without one nobody's.
func tokenOf(path string) login {
	if path == "" {
		return nobody{}
	}
	return &fileToken{path: path, seen: trusted.See(path)}
}

func (f *fileToken) token(_ context.Context, refused secret.Value) (secret.Value, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.value.Len() > 0 && !f.value.Equal(refused) && !f.seen.Changed() {
		return f.value, nil
	}
	f.seen.Look()
	text, err := trusted.ReadCredential(f.path, maxToken)
	if err != nil {
		return secret.Value{}, fmt.Errorf("read token: %w", err)
	}
	v := secret.New(bytes.TrimSpace(text))
	if err := sendable(v); err != nil {
		return secret.Value{}, fmt.Errorf("read token: %s %w", f.path, err)
	}
	f.value = v
	return v, nil
}

// sendable refuses what no header can carry.
func sendable(token secret.Value) error {
	text := token.Reveal()
	if len(text) == 0 {
		return errors.New("is empty")
	}
	for _, b := range text {
		if b <= ' ' || b > '~' {
			return errors.New("has a blank or a control character inside: it must be the token and nothing else")
		}
	}
	return nil
}
