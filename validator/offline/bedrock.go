package offline

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/livekey/livekey/validator"
)

const (
	bedrockShort = "bedrock-api-key-" // a presigned URL in base64
	bedrockLong  = "ABSK"             // NAME:SECRET in base64

	amzDate = "20060102T150405Z"
)

var (
	// The public half of a long-term key, which IAM calls its alias: who it acts as.
	bedrockAlias = regexp.MustCompile(`^([\w+=,.@-]{1,140})-at-([0-9]{12})$`)
	accessKeyID  = regexp.MustCompile(`^A[A-Z]{3}[A-Z2-7]{16}$`)
)

// Bedrock reads an Amazon Bedrock API key. Of a short-term key it tells region, dates
// and account, and whether the region is another than the parameter region; of a
// long-term one the user and account that its public half names.
func Bedrock(c validator.Coded) (map[string]any, error) {
	facts := map[string]any{}
	value := c.Part("value")
	if inside, ok := strings.CutPrefix(value, bedrockShort); ok {
		presigned(facts, fromBase64(inside), c)
	} else if inside, ok := strings.CutPrefix(value, bedrockLong); ok {
		alias, _, _ := strings.Cut(fromBase64(inside), ":")
		if m := bedrockAlias.FindStringSubmatch(alias); m != nil {
			facts["user"], facts["account"] = m[1], m[2]
		}
	}
	return facts, nil
}

// presigned reads the URL that a short-term key is.
func presigned(facts map[string]any, text string, c validator.Coded) {
	_, query, _ := strings.Cut(text, "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		return
	}
	// Who signed, when, for which region: ID/DATE/REGION/SERVICE/aws4_request.
	if scope := strings.Split(q.Get("X-Amz-Credential"), "/"); len(scope) == 5 {
		put(facts, "account", accountOf(scope[0]))
		if dnsLabel.MatchString(scope[2]) {
			facts["region"] = scope[2]
			facts["elsewhere"] = c.With["region"] != "" && c.With["region"] != scope[2]
		}
	}
	from, err := time.Parse(amzDate, q.Get("X-Amz-Date"))
	if err != nil {
		return
	}
	seconds, err := strconv.ParseUint(q.Get("X-Amz-Expires"), 10, 31)
	if err != nil {
		dates(facts, from, time.Time{}, c.Now)
		return
	}
	dates(facts, from, from.Add(time.Duration(seconds)*time.Second), c.Now)
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// accountOf is the account that an access key id of AWS has inside, "" for an id of the
// years before ids had one.
func accountOf(id string) string {
	if !accessKeyID.MatchString(id) || id[4] == 'I' || id[4] == 'J' {
		return ""
	}
	raw, err := base32.StdEncoding.DecodeString(id[4:])
	if err != nil {
		return ""
	}
	const mask = 0x7fffffffff80 // 40 bits of the first 48, without the first
	head := binary.BigEndian.Uint64(raw[:8]) >> 16
	return fmt.Sprintf("%012d", head&mask>>7)
}

// fromBase64 is what text stands for in any of the four dialects, "" in none.
func fromBase64(text string) string {
	text = strings.TrimRight(text, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if plain, err := encoding.DecodeString(text); err == nil {
			return string(plain)
		}
	}
	return ""
}
