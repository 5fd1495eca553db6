package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/livekey/livekey/alerts/internal/post"
	"github.com/livekey/livekey/internal/secret"
)

const (
	secretPrefix = "whsec_"
	minSecret    = 24 // bytes, by Standard Webhooks
)

// readSecrets reads the secrets anew for every alert, so that a changed file
// needs no reload. More than one line is for the time of a rotation. No error
// quotes the file.
func readSecrets(path string) ([]secret.Value, error) {
	file, err := post.ReadFile("secret_file", path)
	if err != nil {
		return nil, err
	}
	defer clear(file.Reveal())
	keys, err := parseSecrets(file.Reveal())
	if err != nil {
		return nil, fmt.Errorf("read secret_file %s: %w", path, err)
	}
	return keys, nil
}

func parseSecrets(text []byte) ([]secret.Value, error) {
	var keys []secret.Value
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		encoded, ok := bytes.CutPrefix(line, []byte(secretPrefix))
		if !ok {
			return nil, errors.New("a line does not begin with " + secretPrefix)
		}
		b := make([]byte, base64.StdEncoding.DecodedLen(len(encoded)))
		n, err := base64.StdEncoding.Strict().Decode(b, encoded)
		if err != nil {
			return nil, errors.New("what follows " + secretPrefix + " is not base64")
		}
		if n < minSecret {
			return nil, fmt.Errorf("a secret of less than %d bytes; make one with: echo %s$(openssl rand -base64 32)", minSecret, secretPrefix)
		}
		keys = append(keys, secret.New(b[:n]))
	}
	if len(keys) == 0 {
		return nil, errors.New("no secret inside")
	}
	return keys, nil
}

// sign is one entry of the header webhook-signature.
func sign(k secret.Value, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, k.Reveal())
	_, _ = fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
