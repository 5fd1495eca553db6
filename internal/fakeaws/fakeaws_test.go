package fakeaws_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/livekey/livekey/internal/fakeaws"
)

const region = "eu-west-1"

// world is a server, and the official clients of one of its users.
type world struct {
	*fakeaws.Server
	url string
}

func newWorld(t *testing.T) world {
	t.Helper()
	s := fakeaws.New(region)
	url, stop, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return world{s, url}
}

func provider(p fakeaws.Pair) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(p.AccessKey, p.SecretKey, p.SessionToken)
}

func (w world) secrets(p fakeaws.Pair) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: region, BaseEndpoint: &w.url, Credentials: provider(p), Retryer: aws.NopRetryer{},
	})
}

func (w world) sts(p fakeaws.Pair) *sts.Client {
	return sts.New(sts.Options{Region: region, BaseEndpoint: &w.url, Credentials: provider(p), Retryer: aws.NopRetryer{}})
}

// code is the code of an AWS error, "" for none.
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return "other: " + err.Error()
	}
	return ""
}

func wants(t *testing.T, what string, err error, want string) {
	t.Helper()
	if got := code(err); got != want {
		t.Errorf("%s: code %q, want %q (%v)", what, got, want, err)
	}
}

func TestSignaturesAreVerified(t *testing.T) {
	w := newWorld(t)
	good := w.NewUser("app")
	session := w.NewSession("app")
	inactive := w.NewUser("gone")
	w.Deactivate(inactive)
	over := w.NewSession("over")
	w.Expire(over)
	with := func(p fakeaws.Pair, change func(*fakeaws.Pair)) fakeaws.Pair { change(&p); return p }
	for _, test := range []struct {
		rule         string
		pair         fakeaws.Pair
		sts, secrets string
	}{
		{"a good pair is accepted", good, "", ""},
		{"a temporary pair with its token is accepted", session, "", ""},
		{"a temporary pair without its token is not", with(session, func(p *fakeaws.Pair) { p.SessionToken = "" }), "InvalidClientTokenId", "UnrecognizedClientException"},
		{"a pair with a token of another is not", with(good, func(p *fakeaws.Pair) { p.SessionToken = "x" }), "InvalidClientTokenId", "UnrecognizedClientException"},
		{"a wrong secret is refused by the signature", with(good, func(p *fakeaws.Pair) { p.SecretKey += "x" }), "SignatureDoesNotMatch", "InvalidSignatureException"},
		{"an unknown id is refused", fakeaws.Pair{AccessKey: "AKIAAAAAAAAAAAAAAAAA", SecretKey: "x"}, "InvalidClientTokenId", "UnrecognizedClientException"},
		{"an inactive pair is refused", inactive, "InvalidClientTokenId", "UnrecognizedClientException"},
		{"an expired pair is refused as expired", over, "ExpiredToken", "ExpiredTokenException"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			_, err := w.sts(test.pair).GetCallerIdentity(t.Context(), nil)
			wants(t, "STS", err, test.sts)
			_, err = w.secrets(test.pair).ListSecrets(t.Context(), nil)
			wants(t, "Secrets Manager", err, test.secrets)
		})
	}
}

func TestDatesAreVerified(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		w := newWorld(t)
		p := w.NewUser("app")
		w.Skew(ahead)
		_, err := w.sts(p).GetCallerIdentity(t.Context(), nil)
		wants(t, "STS", err, "SignatureDoesNotMatch")
		var api smithy.APIError
		if errors.As(err, &api) && !strings.Contains(api.ErrorMessage(), "Signature ") {
			t.Errorf("message %q", api.ErrorMessage())
		}
		_, err = w.secrets(p).ListSecrets(t.Context(), nil)
		wants(t, "Secrets Manager", err, "InvalidSignatureException")
	}
}

func TestARequestChangedOnItsWayIsRefused(t *testing.T) {
	w := newWorld(t)
	p := w.NewUser("app")
	w.Put("a", fakeaws.Text("x"))
	for rule, change := range map[string]func(*http.Request){
		"another action": func(r *http.Request) { r.Header.Set("X-Amz-Target", "secretsmanager.ListSecrets") },
		"another path":   func(r *http.Request) { r.URL.Path = "/other" },
		"no signature":   func(r *http.Request) { r.Header.Del("Authorization") },
		"another host":   func(r *http.Request) { r.Host = "secretsmanager.other.example" },
		"another date": func(r *http.Request) {
			r.Header.Set("X-Amz-Date", time.Now().UTC().Add(-time.Second).Format("20060102T150405Z"))
		},
		"half a signature": func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a") },
	} {
		client := secretsmanager.New(secretsmanager.Options{
			Region: region, BaseEndpoint: &w.url, Credentials: provider(p), Retryer: aws.NopRetryer{}, HTTPClient: changing(change),
		})
		_, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("a")})
		if err == nil {
			t.Errorf("%s is accepted", rule)
		}
	}
}

type changing func(*http.Request)

func (c changing) Do(r *http.Request) (*http.Response, error) { c(r); return http.DefaultClient.Do(r) }

func TestAScopeOfAnotherRegionIsRefused(t *testing.T) {
	w := newWorld(t)
	client := sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: &w.url, Credentials: provider(w.NewUser("app")), Retryer: aws.NopRetryer{}})
	_, err := client.GetCallerIdentity(t.Context(), nil)
	wants(t, "STS", err, "SignatureDoesNotMatch")
}

// labels are where the labels of a secret are, with the versions called by the order of ids.
func labels(t *testing.T, c *secretsmanager.Client, ids ...string) string {
	t.Helper()
	out, err := c.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("a")})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for id, stages := range out.VersionIdsToStages {
		for _, stage := range stages {
			all = append(all, fmt.Sprintf("%d %s", slices.Index(ids, id)+1, strings.TrimPrefix(stage, "AWS")))
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestLabelsMoveAsInARotation(t *testing.T) {
	w := newWorld(t)
	c := w.secrets(w.NewUser("app"))
	made, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("a"), SecretString: aws.String("one")})
	wants(t, "create", err, "")
	one := aws.ToString(made.VersionId)
	put := func(text string, stages ...string) string {
		t.Helper()
		out, err := c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("a"), SecretString: &text, VersionStages: stages})
		wants(t, "put "+text, err, "")
		return aws.ToString(out.VersionId)
	}
	restage := func(label, to, from string) error {
		in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String("a"), VersionStage: &label}
		if to != "" {
			in.MoveToVersionId = &to
		}
		if from != "" {
			in.RemoveFromVersionId = &from
		}
		_, err := c.UpdateSecretVersionStage(t.Context(), in)
		return err
	}
	state := func(want string, ids ...string) {
		t.Helper()
		if got := labels(t, c, ids...); got != want {
			t.Errorf("labels are %q, want %q", got, want)
		}
	}
	state("1 CURRENT", one)
	two := put("two", fakeaws.Pending)
	state("1 CURRENT, 2 PENDING", one, two)
	wants(t, "a label is not taken from a version that is not named", restage(fakeaws.Current, two, ""), "InvalidParameterException")
	wants(t, "nor from the wrong one", restage(fakeaws.Current, two, two), "InvalidParameterException")
	wants(t, "the last step of a rotation", restage(fakeaws.Current, two, one), "")
	state("1 PREVIOUS, 2 CURRENT, 2 PENDING", one, two)
	wants(t, "a label can be taken away", restage(fakeaws.Pending, "", two), "")
	wants(t, "but not AWSCURRENT", restage(fakeaws.Current, "", two), "InvalidParameterException")
	wants(t, "a version that is not there gets none", restage("X", "no-such-version-000000000000000000", ""), "ResourceNotFoundException")
	three := put("three")
	state("2 PREVIOUS, 3 CURRENT", one, two, three)
	four := put("four", "CANARY")
	state("2 PREVIOUS, 3 CURRENT, 4 CANARY", one, two, three, four)
	_, err = c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("a"), VersionId: &one})
	wants(t, "a version without a label can be read by its id", err, "")
}

func TestATokenMakesOneVersion(t *testing.T) {
	w := newWorld(t)
	c := w.secrets(w.NewUser("app"))
	w.Put("a", fakeaws.Text("first"))
	const token = "0c2f0d1e-0000-4000-8000-000000000001"
	put := func(text string) error {
		_, err := c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("a"), SecretString: &text, ClientRequestToken: aws.String(token)})
		return err
	}
	wants(t, "the first", put("x"), "")
	wants(t, "the same again", put("x"), "")
	wants(t, "another content", put("y"), "ResourceExistsException")
	out, err := c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("a")})
	wants(t, "get", err, "")
	if aws.ToString(out.VersionId) != token || aws.ToString(out.SecretString) != "x" {
		t.Errorf("version %s has %q", aws.ToString(out.VersionId), aws.ToString(out.SecretString))
	}
	create := func(text string) error {
		_, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("a"), SecretString: &text, ClientRequestToken: aws.String(token)})
		return err
	}
	wants(t, "created again, the same", create("x"), "")
	wants(t, "created again, another", create("y"), "ResourceExistsException")
}

func TestReads(t *testing.T) {
	w := newWorld(t)
	c := w.secrets(w.NewUser("app"))
	id := w.Put("prod/a", fakeaws.Text("one"))
	w.Put("prod/a", fakeaws.Text("two"))
	w.Put("binary", fakeaws.Content{Binary: []byte{0, 255, 10}})
	arn := w.ARN("prod/a")
	get := func(in secretsmanager.GetSecretValueInput) (string, error) {
		out, err := c.GetSecretValue(t.Context(), &in)
		if err != nil {
			return "", err
		}
		return aws.ToString(out.SecretString) + string(out.SecretBinary), nil
	}
	in := func(id, version, stage string) secretsmanager.GetSecretValueInput {
		in := secretsmanager.GetSecretValueInput{SecretId: &id}
		if version != "" {
			in.VersionId = &version
		}
		if stage != "" {
			in.VersionStage = &stage
		}
		return in
	}
	for _, test := range []struct {
		rule string
		in   secretsmanager.GetSecretValueInput
		want string
		code string
	}{
		{"by name", in("prod/a", "", ""), "two", ""},
		{"by ARN", in(arn, "", ""), "two", ""},
		{"by ARN without its suffix", in(arn[:len(arn)-7], "", ""), "two", ""},
		{"by label", in("prod/a", "", fakeaws.Previous), "one", ""},
		{"by version", in("prod/a", id, ""), "one", ""},
		{"by both that agree", in("prod/a", id, fakeaws.Previous), "one", ""},
		{"by both that do not", in("prod/a", id, fakeaws.Current), "", "InvalidRequestException"},
		{"bytes", in("binary", "", ""), "\x00\xff\n", ""},
		{"no such secret", in("none", "", ""), "", "ResourceNotFoundException"},
		{"no such label", in("prod/a", "", "X"), "", "ResourceNotFoundException"},
		{"no such version", in("prod/a", strings.Repeat("0", 32), ""), "", "ResourceNotFoundException"},
	} {
		got, err := get(test.in)
		wants(t, test.rule, err, test.code)
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.rule, got, test.want)
		}
	}
	_, err := c.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("binary")})
	wants(t, "delete", err, "")
	_, err = get(in("binary", "", ""))
	wants(t, "a secret marked for deletion", err, "InvalidRequestException")
	_, err = c.RestoreSecret(t.Context(), &secretsmanager.RestoreSecretInput{SecretId: aws.String("binary")})
	wants(t, "restore", err, "")
	_, err = get(in("binary", "", ""))
	wants(t, "a secret that was restored", err, "")
}

func TestBatches(t *testing.T) {
	w := newWorld(t)
	c := w.secrets(w.NewUser("app"))
	var ids []string
	for i := range 20 {
		ids = append(ids, fmt.Sprintf("s%02d", i))
		w.Put(ids[i], fakeaws.Text("v"+ids[i]))
	}
	_, err := c.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: append(slices.Clone(ids), "one more")})
	wants(t, "21 secrets", err, "ValidationException")
	_, err = c.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: ids, MaxResults: aws.Int32(3)})
	wants(t, "MaxResults without Filters", err, "InvalidParameterException")

	w.PageSize(6)
	w.Deny("secretsmanager:GetSecretValue", "s03")
	ids[19] = "missing"
	values, failed := map[string]string{}, map[string]string{}
	pages := secretsmanager.NewBatchGetSecretValuePaginator(c, &secretsmanager.BatchGetSecretValueInput{SecretIdList: ids})
	n := 0
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n++
		for _, v := range out.SecretValues {
			values[aws.ToString(v.Name)] = aws.ToString(v.SecretString)
		}
		for _, e := range out.Errors {
			failed[aws.ToString(e.SecretId)] = aws.ToString(e.ErrorCode)
		}
	}
	if n != 4 || len(values) != 18 || values["s07"] != "vs07" {
		t.Errorf("%d pages, %d values", n, len(values))
	}
	if len(failed) != 2 || failed["s03"] != "AccessDeniedException" || failed["missing"] != "ResourceNotFoundException" {
		t.Errorf("errors %v", failed)
	}
}

func TestListsComeInPages(t *testing.T) {
	w := newWorld(t)
	c := w.secrets(w.NewUser("app"))
	for i := range 7 {
		w.Put(fmt.Sprintf("s%d", i), fakeaws.Text("v"))
	}
	var names []string
	pages := secretsmanager.NewListSecretsPaginator(c, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(3)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range out.SecretList {
			names = append(names, aws.ToString(s.Name))
		}
	}
	if strings.Join(names, " ") != "s0 s1 s2 s3 s4 s5 s6" {
		t.Errorf("names %v", names)
	}
	_, err := c.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{NextToken: aws.String("x")})
	wants(t, "a made-up token", err, "InvalidNextTokenException")
}

func TestThrottlesAndDenies(t *testing.T) {
	w := newWorld(t)
	p := w.NewUser("app")
	w.Put("a", fakeaws.Text("x"))
	w.Throttle("secretsmanager:GetSecretValue", 1)
	w.Throttle("sts:GetCallerIdentity", 1)
	get := func() error {
		_, err := w.secrets(p).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(w.ARN("a"))})
		return err
	}
	ask := func() error { _, err := w.sts(p).GetCallerIdentity(t.Context(), nil); return err }
	wants(t, "get", get(), "ThrottlingException")
	wants(t, "ask", ask(), "Throttling")
	wants(t, "get again", get(), "")
	wants(t, "ask again", ask(), "")
	w.Deny("secretsmanager:GetSecretValue", "a")
	w.Deny("sts:GetCallerIdentity", "")
	wants(t, "get, denied", get(), "AccessDeniedException")
	wants(t, "ask, denied", ask(), "AccessDenied")
	if n := w.Calls("secretsmanager:GetSecretValue"); n != 3 {
		t.Errorf("%d calls counted", n)
	}
}

func TestSTS(t *testing.T) {
	w := newWorld(t)
	user := w.NewUser("app")
	role := w.NewRole("deploy", "ext-1")
	w.Trust("header.body.signature", role)

	who, err := w.sts(user).GetCallerIdentity(t.Context(), nil)
	wants(t, "identity", err, "")
	if aws.ToString(who.Arn) != "arn:aws:iam::123456789012:user/app" || aws.ToString(who.Account) != fakeaws.Account || aws.ToString(who.UserId) == "" {
		t.Errorf("identity %s, %s", aws.ToString(who.Arn), aws.ToString(who.Account))
	}

	_, err = w.sts(user).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("s")})
	wants(t, "a role without its external id", err, "AccessDenied")
	got, err := w.sts(user).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("s"), ExternalId: aws.String("ext-1")})
	wants(t, "a role", err, "")
	isRole := func(k, s, token *string) {
		t.Helper()
		who, err := w.sts(fakeaws.Pair{AccessKey: *k, SecretKey: *s, SessionToken: *token}).GetCallerIdentity(t.Context(), nil)
		wants(t, "identity of the role", err, "")
		if err == nil && aws.ToString(who.Arn) != "arn:aws:sts::123456789012:assumed-role/deploy/s" {
			t.Errorf("identity %s", aws.ToString(who.Arn))
		}
	}
	isRole(got.Credentials.AccessKeyId, got.Credentials.SecretAccessKey, got.Credentials.SessionToken)

	anonymous := sts.New(sts.Options{Region: region, BaseEndpoint: &w.url, Retryer: aws.NopRetryer{}})
	web := func(token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return anonymous.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: aws.String("s"), WebIdentityToken: &token})
	}
	_, err = web("unknown")
	wants(t, "an unknown token", err, "InvalidIdentityToken")
	by, err := web("header.body.signature")
	wants(t, "a web identity", err, "")
	isRole(by.Credentials.AccessKeyId, by.Credentials.SecretAccessKey, by.Credentials.SessionToken)
}

func TestAnySecretSigns(t *testing.T) {
	w := newWorld(t)
	p := w.NewUser("app")
	fresh := w.NewKeys(p)
	if fresh == p {
		t.Fatal("the same pair")
	}
	for _, pair := range []fakeaws.Pair{p, fresh} {
		who, err := w.sts(pair).GetCallerIdentity(t.Context(), nil)
		wants(t, "identity", err, "")
		if !bytes.HasSuffix([]byte(aws.ToString(who.Arn)), []byte("user/app")) {
			t.Errorf("identity %s", aws.ToString(who.Arn))
		}
	}
}
