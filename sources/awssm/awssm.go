// Package awssm reads keys from AWS Secrets Manager:
//
//	awssm://prod/deployer#secret_key                  a field of a JSON secret
//	awssm://prod/token?stage=AWSPREVIOUS              the version with a staging label
//	awssm://prod/token?version=2f0c…                  a version by its id
//	awssm://arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/token-AbCdEf
//
// A record is a secret's string, or the bytes of a binary one. Secrets Manager
// does not number versions: Record.Number and Record.Previous are empty.
//
// Requests, their signatures and the credential chain are the official SDK's;
// hosts, connections, redirects and budgets are livekey's (see http.go). The SDK
// hands a secret over as a Go string, which cannot be erased: of each value read, one
// copy waits for the garbage collector.
package awssm

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
)

const (
	// refresh is how often a secret is read where the config does not say: AWS bills
	// every call.
	refresh = time.Minute

	// maxRequests is how many calls may be under way at once.
	maxRequests = 10
)

// Source reads from one account and region with one chain of credentials.
type Source struct {
	env      sources.Env
	settings settings
	slots    chan struct{} // a call holds one
	batching batching

	mu   sync.Mutex
	conn *connection // nil until the first Fetch, and after credentials were refused
}

// FromConfig checks the settings of a source: region, endpoint, sts_endpoint,
// profile, role_arn, external_id, session_name and timeout. It does no I/O.
func FromConfig(env sources.Env, node config.Node) (sources.Source, error) {
	s, err := readSettings(node)
	if err != nil {
		return nil, err
	}
	return &Source{env: env, settings: s, slots: make(chan struct{}, maxRequests)}, nil
}

// Refresh is the interval of polls where the config says none.
func (*Source) Refresh() time.Duration { return refresh }

// Lint says what is wrong with a location without asking AWS.
func (s *Source) Lint(ref key.Ref) error { return lint(ref, s.settings.Region) }

// Former is where an older version is.
func (*Source) Former(loc key.Location, v key.Version) (key.Location, bool) { return former(loc, v) }

// Variables are those in which the AWS SDK finds a credential.
func (*Source) Variables([]key.Location) []string {
	return []string{
		"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN",
	}
}

// Fetch reads one version of one secret. Its errors wrap key.ErrNotFound or one of
// this package's where one fits, and say what to do.
func (s *Source) Fetch(ctx context.Context, loc key.Location) (sources.Record, error) {
	conn, at, err := s.prepare(ctx, loc)
	if err != nil {
		return sources.Record{}, fmt.Errorf("read %s: %w", loc, err)
	}
	r, err := s.fetch(ctx, conn, at)
	if err != nil {
		return sources.Record{}, fmt.Errorf("read %s: %w", loc, err)
	}
	return r, nil
}

// prepare is what comes before a call: the connection, and a location that fits it.
func (s *Source) prepare(ctx context.Context, loc key.Location) (*connection, location, error) {
	at, err := parseLocation(loc)
	if err != nil {
		return nil, at, err
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, at, err
	}
	return conn, at, at.checkRegion(conn.region)
}

// fetch asks for one secret.
func (s *Source) fetch(ctx context.Context, conn *connection, at location) (sources.Record, error) {
	var out *secretsmanager.GetSecretValueOutput
	err := s.call(ctx, conn, call{action: "secretsmanager:GetSecretValue", at: at}, func(ctx context.Context) (err error) {
		in := &secretsmanager.GetSecretValueInput{SecretId: &at.id}
		if at.version != "" {
			in.VersionId = &at.version
		}
		if at.stage != "" {
			in.VersionStage = &at.stage
		}
		out, err = conn.secrets.GetSecretValue(ctx, in)
		return err
	})
	if err != nil {
		return sources.Record{}, err
	}
	if at.version != "" && aws.ToString(out.VersionId) != at.version {
		return sources.Record{}, fmt.Errorf("%w: asked for one version, told another", ErrAnswer)
	}
	return record(out.SecretString, out.SecretBinary, out.VersionId, out.CreatedDate)
}

// call makes one call within the timeout, once a slot is free, and says in livekey's
// words what went wrong with it.
func (s *Source) call(ctx context.Context, conn *connection, c call, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.settings.Timeout, errSlow{s.settings.Timeout})
	defer cancel()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return fmt.Errorf("%d other reads did not end: %w", maxRequests, context.Cause(ctx))
	}
	err := do(ctx)
	if broken(err) && ctx.Err() == nil { // a read changes nothing: once more, on another connection
		err = do(ctx)
	}
	if err == nil {
		return nil
	}
	c.conn = conn
	err = c.explain(ctx, err)
	s.forget(conn, err)
	return err
}

func record(text *string, binary []byte, version *string, created *time.Time) (sources.Record, error) {
	r := sources.Record{Version: key.Version(aws.ToString(version)), Created: aws.ToTime(created).UTC()}
	switch {
	case text != nil:
		r.Data = secret.New([]byte(*text))
	case binary != nil:
		r.Data = secret.New(binary)
	default:
		return r, fmt.Errorf("%w: neither SecretString nor SecretBinary is in it", ErrAnswer)
	}
	if r.Version == "" {
		return r, fmt.Errorf("%w: it names no VersionId", ErrAnswer)
	}
	return r, nil
}

// errSlow is the cause of a read that took too long.
type errSlow struct{ timeout time.Duration }

func (e errSlow) Error() string { return fmt.Sprintf("no answer within %s", e.timeout) }

// Is lets callers treat it as the deadline that it is.
func (errSlow) Is(target error) bool { return target == context.DeadlineExceeded }
