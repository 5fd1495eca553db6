// Package sigv4 signs a live call to AWS with the pair that is proved: AWS
// Signature Version 4. AWS sees a signature and the access key id; the secret key
// stays here.
package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator"
)

// The parts of a pair.
const (
	accessKey    = "access_key"
	secretKey    = "secret_key"
	sessionToken = "session_token"
)

// Sign is a validator.Signer. A file tells it the service and the region that the
// signature is for.
func Sign(r *http.Request, s validator.Signing) error {
	service, region := s.With["service"], s.With["region"]
	if service == "" || region == "" {
		return errors.New("sign a call to AWS: the provider's file says no service or no region")
	}
	pair := aws.Credentials{AccessKeyID: s.Part(accessKey), SecretAccessKey: s.Part(secretKey), SessionToken: s.Part(sessionToken)}
	sum := sha256.Sum256([]byte(s.Body))
	if err := v4.NewSigner().SignHTTP(r.Context(), pair, r, hex.EncodeToString(sum[:]), service, region, s.Now); err != nil {
		return secret.Scrub(err)
	}
	return nil
}
