// Package google proves the key of a Google service account: it reads the JSON that
// Google gives out for one, and signs with it the assertion for which Google hands out
// a token. The private key itself stays here.
package google

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"regexp"
	"strings"

	"github.com/livekey/livekey/validator"
)

// tokenURI is where Google gives service accounts their tokens: the audience of an
// assertion, and the only place that the JSON of a key may name.
const tokenURI = "https://oauth2.googleapis.com/token" //nolint:gosec // an address

// credentials is what is used of what Google calls credentials.
type credentials struct {
	Type     string `json:"type"`
	Email    string `json:"client_email"`
	Project  string `json:"project_id"`
	KeyID    string `json:"private_key_id"`
	Private  string `json:"private_key"`
	TokenURI string `json:"token_uri"`
}

var (
	emailForm   = regexp.MustCompile(`^[\w.+-]{1,120}@[\w.-]{1,120}$`)
	projectForm = regexp.MustCompile(`^[a-z][a-z0-9:.-]{1,62}$`)
	keyIDForm   = regexp.MustCompile(`^[0-9a-f]{8,64}$`)
)

// Decode is a validator.Decoder. It tells whose key it is; other_type is true of
// credentials of another kind, and elsewhere of a key whose tokens are made by somebody
// else than Google.
func Decode(c validator.Coded) (map[string]any, error) {
	k, err := read(c.Part("value"))
	if err != nil {
		return nil, err
	}
	if k.Type != "service_account" {
		return map[string]any{"other_type": true}, nil
	}
	if _, err := k.private(); err != nil {
		return nil, err
	}
	if !emailForm.MatchString(k.Email) {
		return nil, errors.New("client_email is missing or no address: store the JSON file whole, as Google gave it out")
	}
	facts := map[string]any{"client_email": k.Email, "elsewhere": k.TokenURI != tokenURI}
	if projectForm.MatchString(k.Project) {
		facts["project"] = k.Project
	}
	if keyIDForm.MatchString(k.KeyID) {
		facts["key_id"] = k.KeyID
	}
	return facts, nil
}

// read reads the JSON. Its error quotes nothing.
func read(text string) (k credentials, err error) {
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		return k, errors.New("this is not the JSON of a service account: store what is in the file, and not its name")
	}
	return k, nil
}

// private is the key that signs. Google makes them of RSA, as PKCS#8.
func (k credentials) private() (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(k.Private))
	switch {
	case block == nil && strings.Contains(k.Private, `\n`):
		return nil, errors.New(`private_key has \n as two characters: something escaped the JSON a second time`)
	case block == nil:
		return nil, errors.New("private_key is missing, or is no PEM text")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("private_key is no whole RSA key: it is cut off or was changed")
	}
	return private, nil
}
