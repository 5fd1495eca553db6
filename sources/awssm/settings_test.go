package awssm_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
)

func TestSettings(t *testing.T) {
	for _, test := range []struct {
		rule, settings string
		want           []string // parts of the fault; none: no fault
	}{
		{"nothing has to be said", "", nil},
		{"everything may be said", "{region: us-gov-west-1, endpoint: https://vpce-1.secretsmanager.us-gov-west-1.vpce.amazonaws.com, profile: a, " +
			"role_arn: 'arn:aws-us-gov:iam::123456789012:role/path/a', external_id: b, session_name: c-1, timeout: 5s}", nil},
		{"a region of any partition", "region: cn-north-1", nil},
		{"an endpoint on this machine may be unencrypted", "endpoint: http://127.0.0.1:4566", nil},
		{"others may not", "endpoint: http://secrets.example", []string{"sources.aws.endpoint", "unencrypted"}},
		{"nor where roles are assumed", "sts_endpoint: http://sts.example", []string{"sources.aws.sts_endpoint", "unencrypted"}},
		{"no password in an endpoint", "endpoint: https://user:pw@secrets.example", []string{"sources.aws.endpoint"}},
		{"a zone is no region", "region: eu-west-1a", []string{"sources.aws.region", "the region is eu-west-1"}},
		{"an address is no region", "region: eu-west-1.evil.example", []string{"sources.aws.region", "endpoint"}},
		{"a user is no role", "role_arn: 'arn:aws:iam::123456789012:user/a'", []string{"sources.aws.role_arn"}},
		{"an external id without a role", "external_id: a", []string{"sources.aws.external_id"}},
		{"a session's name goes into an ARN", "session_name: 'a b'", []string{"sources.aws.session_name"}},
		{"no time is no timeout", "timeout: 0s", []string{"sources.aws.timeout"}},
		{"what is unknown is a fault", "regoin: eu-west-1", []string{"regoin"}},
		{"every fault at once", "{region: x, timeout: 0s}", []string{"sources.aws.region", "sources.aws.timeout"}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			_, err := fromConfig(test.settings, slog.New(slog.DiscardHandler))
			if (err != nil) != (test.want != nil) {
				t.Fatalf("err = %v", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("err = %v, want %q in it", err, part)
				}
			}
		})
	}
}

// Constructing does nothing that fails where AWS is not configured at all.
func TestConstructingReadsNothing(t *testing.T) {
	cleanEnvironment(t)
	t.Setenv("AWS_PROFILE", "does-not-exist")
	t.Setenv("AWS_CA_BUNDLE", "/does/not/exist")
	src, err := fromConfig("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := src.(sources.Pacer); !ok || p.Refresh() != time.Minute {
		t.Error("the source has not its own interval of a minute")
	}
}

const someARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/app-AbCdEf"

func TestLint(t *testing.T) {
	for _, test := range []struct {
		rule, ref string
		want      []string
	}{
		{"a name", "aws://prod/app", nil},
		{"a name of every character", "aws://a/b_c+d=e.f@g-h", nil},
		{"a field", "aws://prod/app#key", nil},
		{"an ARN", "aws://" + someARN + "#key", nil},
		{"an ARN without a suffix", "aws://" + strings.TrimSuffix(someARN, "-AbCdEf"), nil},
		{"an ARN of China", "aws://" + strings.NewReplacer("arn:aws:", "arn:aws-cn:").Replace(someARN), nil},
		{"a label", "aws://prod/app?stage=AWSPENDING", nil},
		{"a label of one's own", "aws://prod/app?stage=blue/green", nil},
		{"a version", "aws://prod/app?version=0c2f0d1e-0000-4000-8000-000000000001", nil},
		{"a space in a name", "aws://prod app", []string{"not a secret's name"}},
		{"a name that is too long", "aws://" + strings.Repeat("a", 513), []string{"512"}},
		{"an ARN of another region", "aws://" + strings.Replace(someARN, "eu-west-1", "us-east-1", 1), []string{"us-east-1", "eu-west-1"}},
		{"an ARN of a parameter", "aws://arn:aws:ssm:eu-west-1:123456789012:parameter/a", []string{"not the ARN of a secret"}},
		{"an ARN with a short account", "aws://arn:aws:secretsmanager:eu-west-1:123:secret:a-AbCdEf", []string{"not the ARN of a secret"}},
		{"a label as version", "aws://prod/app?version=AWSPENDING", []string{"VersionId", "stage"}},
		{"version and label", "aws://prod/app?stage=X&version=0c2f0d1e-0000-4000-8000-000000000001", []string{"not both"}},
		{"a label with a blank", "aws://prod/app?stage=a b", []string{"stage"}},
		{"an unknown parameter", "aws://prod/app?stages=X", []string{`"stages"`, "format, stage"}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			src, err := fromConfig("region: eu-west-1", slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			ref, err := config.ParseRef(test.ref)
			if err != nil {
				t.Fatal(err)
			}
			err = src.(sources.Linter).Lint(ref)
			if (err != nil) != (test.want != nil) {
				t.Fatalf("err = %v", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("err = %v, want %q in it", err, part)
				}
			}
		})
	}
}

// What Lint accepts, the words of errors and IAM can carry: one line of plain text.
func FuzzLint(f *testing.F) {
	for _, s := range []string{"prod/app", someARN, "arn:aws:secretsmanager:::secret:", "a\nb"} {
		f.Add(s, "", "")
		f.Add(s, "AWSPENDING", "0c2f0d1e-0000-4000-8000-000000000001")
	}
	src, err := fromConfig("region: eu-west-1", slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path, stage, version string) {
		loc := key.Location{Source: "aws", Path: path, Version: key.Version(version)}
		if stage != "" {
			loc.Params = "stage=" + stage
		}
		err := src.(sources.Linter).Lint(key.Ref{Location: loc})
		if err == nil && (len(path) > 700 || strings.ContainsAny(path, "\r\n\t \"'\\{}")) {
			t.Errorf("accepts %q", path)
		}
		if err == nil && strings.HasPrefix(path, "arn:") && !strings.Contains(path, ":eu-west-1:") {
			t.Errorf("accepts the other region of %q", path)
		}
	})
}
