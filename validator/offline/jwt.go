package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/livekey/livekey/validator"
)

var errNoJWT = errors.New("this is no JWT: one is three pieces of base64url with dots between, of which the first two are JSON; " +
	"it may be cut off, or the name of a file instead of what is in it")

// JWT reads the claims of a JSON Web Token. Nobody here has the key of its issuer, so
// its signature is not checked: a forged token reads like a good one. Of an encrypted
// token (JWE) nothing can be read but that it is one.
func JWT(c validator.Coded) (map[string]any, error) {
	claims, err := claimsOf(c.Part("value"))
	if err != nil {
		return nil, err
	}
	facts := map[string]any{}
	if claims == nil {
		facts["encrypted"] = true
		return facts, nil
	}
	put(facts, "issuer", text(claims["iss"]))
	put(facts, "subject", text(claims["sub"]))
	if list := texts(claims["aud"]); len(list) > 0 {
		facts["audience"] = list
	}
	for _, name := range []string{"scope", "scp", "scopes", "permissions"} {
		if list := texts(claims[name]); len(list) > 0 {
			facts["scopes"] = list
			break
		}
	}
	dates(facts, numericDate(claims["nbf"]), numericDate(claims["exp"]), c.Now)
	return facts, nil
}

// claimsOf are the claims of a token, nil of an encrypted one.
func claimsOf(token string) (map[string]any, error) {
	if strings.Count(token, ".") == 4 {
		return nil, nil //nolint:nilnil // encrypted: no claims, and no fault
	}
	// Which algorithm it is does not matter to who does not verify: what it says is taken.
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if other := (*jose.ErrUnexpectedSignatureAlgorithm)(nil); errors.As(err, &other) {
		parsed, err = jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{other.Got})
	}
	if err != nil {
		return nil, errNoJWT // err may quote the token
	}
	var claims map[string]any
	d := json.NewDecoder(bytes.NewReader(parsed.UnsafePayloadWithoutVerification()))
	d.UseNumber()
	if err := d.Decode(&claims); err != nil || claims == nil {
		return nil, errNoJWT
	}
	return claims, nil
}

// numericDate is a claim that is seconds since 1970, zero for anything else.
func numericDate(claim any) time.Time {
	n, _ := claim.(json.Number)
	seconds, err := n.Float64()
	if err != nil || math.Abs(seconds) > maxSeconds {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// maxSeconds is the end of the year 9999, the last that RFC 3339 can write.
const maxSeconds = 253402300799

func text(claim any) string {
	s, _ := claim.(string)
	return s
}

// texts is a claim that is a list of texts, or one text with blanks between.
func texts(claim any) (list []any) {
	switch claim := claim.(type) {
	case string:
		for s := range strings.FieldsSeq(claim) {
			list = append(list, s)
		}
	case []any:
		for _, s := range claim {
			if text(s) != "" {
				list = append(list, s)
			}
		}
	}
	return list
}
