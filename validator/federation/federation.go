// Package federation asks for a short-lived token in exchange for an identity token,
// with the grant of RFC 7523, as an issuer takes it that wants JSON.
package federation

import (
	"encoding/json"
	"net/http"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator"
)

// Sign is a validator.Signer. The body has the value as the assertion, and each field
// that the file says and the config fills: an issuer takes an empty one for a wrong one.
func Sign(r *http.Request, s validator.Signing) error {
	body := map[string]string{
		"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
		"assertion":  s.Part("value"),
	}
	for name, text := range s.With {
		if text != "" {
			body[name] = text
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return secret.Scrub(err)
	}
	validator.SetBody(r, string(text))
	return nil
}
