package offline_test

import (
	"encoding/base64"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/validator/offline"
)

// shortTerm is a key as the token generator of AWS writes one.
func shortTerm(credential, date, lasts string) string {
	return "bedrock-api-key-" + base64.StdEncoding.EncodeToString([]byte("bedrock.amazonaws.com/?Action=CallWithBearerToken"+
		"&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="+strings.ReplaceAll(credential, "/", "%2F")+
		"&X-Amz-Date="+date+"&X-Amz-Expires="+lasts+
		"&X-Amz-Security-Token=c2Vzc2lvbiB0b2tlbiBvZiBhIHJvbGU&X-Amz-Signature=0f1e2d3c4b5a69788796a5b4c3d2e1f0&X-Amz-SignedHeaders=host&Version=1"))
}

func TestBedrock(t *testing.T) {
	const who = "ASIAQNZGKIQY56JQ7WML/20261126/eu-west-1/bedrock/aws4_request"
	type facts = map[string]any
	for name, c := range map[string]struct {
		value, region string
		want          facts
	}{
		"a short-term key tells region, account and dates": {
			shortTerm(who, "20261126T030000Z", "43200"), "eu-west-1",
			facts{
				"account": "029608264753", "region": "eu-west-1", "elsewhere": false,
				"starts": "2026-11-26T03:00:00Z", "expires": "2026-11-26T15:00:00Z", "early": false, "expired": false,
			},
		},
		"past its lifetime": {
			shortTerm(who, "20261126T000000Z", "36000"), "eu-west-1",
			facts{
				"account": "029608264753", "region": "eu-west-1", "elsewhere": false,
				"starts": "2026-11-26T00:00:00Z", "expires": "2026-11-26T10:00:00Z", "early": false, "expired": true,
			},
		},
		"of another region, and not yet good": {
			shortTerm(who, "20261126T130000Z", "3600"), "us-east-1",
			facts{
				"account": "029608264753", "region": "eu-west-1", "elsewhere": true,
				"starts": "2026-11-26T13:00:00Z", "expires": "2026-11-26T14:00:00Z", "early": true, "expired": false,
			},
		},
		"an access key id of the first years has no account": {
			shortTerm("AKIAIOSFODNN7EXAMPLE/20261126/eu-west-1/bedrock/aws4_request", "20261126T030000Z", "x"), "eu-west-1",
			facts{"region": "eu-west-1", "elsewhere": false, "starts": "2026-11-26T03:00:00Z", "early": false},
		},
		"a lifetime beyond reason is none": {
			shortTerm("nobody", "20261126T030000Z", "99999999999999999999"), "", facts{"starts": "2026-11-26T03:00:00Z", "early": false},
		},
		"a long-term key tells its public half": {
			"ABSK" + base64.StdEncoding.EncodeToString([]byte("BedrockAPIKey-a1b2-at-123456789012:c2VjcmV0IG9mIG5vYm9keQ==")), "us-east-1",
			facts{"user": "BedrockAPIKey-a1b2", "account": "123456789012"},
		},
		"of what is no base64 nothing is told":      {"bedrock-api-key-!!", "us-east-1", facts{}},
		"of another format nothing is told":         {"ABSK" + base64.StdEncoding.EncodeToString([]byte("no colon, no name")), "", facts{}},
		"another kind of value is left to its rule": {"AKIA", "", facts{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := offline.Bedrock(coded(map[string]string{"value": c.value}, map[string]string{"region": c.region}))
			if err != nil || !maps.Equal(got, c.want) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// Clocks differ by less than a minute for no reason that matters.
func TestDatesCountAMinuteLater(t *testing.T) {
	for at, want := range map[time.Time]bool{now: false, now.Add(time.Minute): false, now.Add(time.Minute + time.Second): true} {
		in := coded(map[string]string{"value": shortTerm("a/b/eu-west-1/d/e", "20261126T110000Z", "3600")}, nil)
		in.Now = at
		if got, _ := offline.Bedrock(in); got["expired"] != want {
			t.Errorf("at %s: expired is %v", at, got["expired"])
		}
	}
}

func FuzzBedrock(f *testing.F) {
	f.Add(shortTerm("ASIAQNZGKIQY56JQ7WML/20261126/eu-west-1/bedrock/aws4_request", "20261126T030000Z", "43200"))
	f.Add("ABSK" + base64.StdEncoding.EncodeToString([]byte("BedrockAPIKey-a1b2-at-123456789012:c2VjcmV0IG9mIG5vYm9keQ==")))
	f.Add("bedrock-api-key-")
	f.Fuzz(func(t *testing.T, value string) {
		facts, err := offline.Bedrock(coded(map[string]string{"value": value}, nil))
		if err != nil {
			t.Fatal(err)
		}
		tellsNothing(t, facts, strings.TrimPrefix(strings.TrimPrefix(value, "ABSK"), "bedrock-api-key-"))
	})
}
