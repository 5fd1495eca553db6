package vault

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/hashicorp/vault/api"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/secret"
)

// client makes single requests: no retry, no redirect, a bounded answer.
type client struct {
	base *url.URL
	http *http.Client
}

// call is one request: path is what follows /v1/, unescaped.
type call struct {
	method, path string
	namespace    string // empty or root: without
	query        url.Values
	token        secret.Value // empty: without
	body         []byte       // JSON
}

// rootNamespace is how the config names the namespace above all others, where
// leaving it out means another.
const rootNamespace = "root"

// answer is what Vault, or somebody in its place, said.
type answer struct {
	status int
	body   []byte
}

func (c *client) do(ctx context.Context, k call) (answer, error) {
	u := *c.base
	u.Path += "/v1/" + k.path
	u.RawQuery = k.query.Encode()
	req, err := http.NewRequestWithContext(ctx, k.method, u.String(), bytes.NewReader(k.body))
	if err != nil {
		return answer{}, fmt.Errorf("make request: %w", secret.Scrub(err))
	}
	req.Header.Set(api.RequestHeaderName, "true") // Vault Agent's guard against forged requests asks for it
	if len(k.body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if k.namespace != "" && k.namespace != rootNamespace {
		req.Header.Set(api.NamespaceHeaderName, k.namespace)
	}
	if k.token.Len() > 0 {
		req.Header.Set(api.AuthHeaderName, string(k.token.Reveal()))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, transportError(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := httpclient.ReadAll(resp.Body, httpclient.MaxBackendBody)
	if err != nil {
		return answer{}, transportError(ctx, err)
	}
	return answer{status: resp.StatusCode, body: body}, nil
}

// transportError keeps what callers branch on and what a person can act on.
func transportError(ctx context.Context, err error) error {
	var unknown x509.UnknownAuthorityError
	var ours *httpclient.ClientCertError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, httpclient.ErrAddressRefused):
		return httpclient.ErrAddressRefused
	case errors.Is(err, httpclient.ErrTooLarge):
		return fmt.Errorf("%w: longer than %d bytes", ErrAnswer, httpclient.MaxBackendBody)
	case errors.As(err, &unknown):
		return errors.New("the certificate is signed by an authority that this machine does not know: name its root in ca_file")
	case errors.As(err, &ours):
		return ours
	default:
		return secret.Scrub(err)
	}
}
