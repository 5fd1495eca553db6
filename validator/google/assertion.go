package google

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator"
)

// lives is how long an assertion is good: long enough for a call and a clock that is
// a little off.
const lives = 5 * time.Minute

// Sign is a validator.Signer. The request gets an assertion of the service account as
// its body, for a token of the scope that the file says. Nothing is signed for a key
// whose JSON sends its tokens elsewhere.
func Sign(r *http.Request, s validator.Signing) error {
	scope := s.With["scope"]
	if scope == "" {
		return errors.New("sign an assertion: the provider's file says no scope")
	}
	k, err := read(s.Part("value"))
	if err != nil {
		return err
	}
	if k.TokenURI != tokenURI {
		return errors.New("token_uri of this key is not " + tokenURI + ", so nothing was sent")
	}
	private, err := k.signingKey()
	if err != nil {
		return err
	}
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", k.KeyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: private}, options)
	if err != nil {
		return secret.Scrub(err)
	}
	assertion, err := jwt.Signed(signer).Claims(struct {
		jwt.Claims
		Scope string `json:"scope"`
	}{
		jwt.Claims{
			Issuer: k.Email, Audience: jwt.Audience{tokenURI},
			IssuedAt: jwt.NewNumericDate(s.Now), Expiry: jwt.NewNumericDate(s.Now.Add(lives)),
		}, scope,
	}).Serialize()
	if err != nil {
		return secret.Scrub(err)
	}
	validator.SetBody(r, url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
		"assertion":  {assertion},
	}.Encode())
	return nil
}

// signingKey is the private key. A made-up credential has none, as no real one that
// Decode lets pass, and is signed with one that nobody knows.
func (k credentials) signingKey() (*rsa.PrivateKey, error) {
	if k.Private == "" {
		return nobodys()
	}
	return k.private()
}

// nobodys is made once, since that takes a tenth of a second.
var nobodys = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
