package awssm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/secret"
)

const (
	// expiryWindow is how long before their end temporary credentials are renewed.
	expiryWindow = time.Minute

	// reloadPause is how long credentials that AWS refuses are kept before files and
	// environment are read anew: the SDK reads them once.
	reloadPause = 10 * time.Second

	// caBundle makes the SDK replace the HTTP client that it is given, or fail.
	caBundle = "AWS_CA_BUNDLE"
)

// connection is what reading takes: made at the first Fetch, because it reads the
// environment and the files of the credential chain.
type connection struct {
	secrets     *secretsmanager.Client
	region      string
	host        string // for people
	credentials *witness
	made        time.Time
	http        *http.Client
	chain       *chainClient
}

func (s *Source) connect(ctx context.Context) (*connection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		return s.conn, nil
	}
	conn, err := s.newConnection(ctx)
	if err != nil {
		return nil, err
	}
	s.conn = conn
	return conn, nil
}

// forget drops a connection whose credentials do not do, so that the next read takes
// what files and environment say by then.
func (s *Source) forget(conn *connection, err error) {
	if !errors.Is(err, ErrCredentials) || time.Since(conn.made) < reloadPause {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == conn {
		s.conn = nil
		conn.http.CloseIdleConnections()
		conn.chain.closeIdle()
	}
}

func (s *Source) newConnection(ctx context.Context) (*connection, error) {
	set := &s.settings
	h, err := s.env.HTTP.Client(httpclient.Options{
		CAFile:   set.CAFile,
		MaxConns: maxRequests,
		Timeout:  set.Timeout + time.Second, // the deadline of the call comes first, and says so
	})
	if err != nil {
		return nil, err
	}
	chain, err := newChainClient(s.env.HTTP, set)
	if err != nil {
		return nil, err
	}
	if os.Getenv(caBundle) != "" {
		return nil, fmt.Errorf("%w: %s is set, which livekey does not follow: unset it for livekey, and say `ca_file:` under sources.%s",
			ErrCredentials, caBundle, s.env.Name)
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx, set.loadOptions(chain)...)
	if err != nil {
		return nil, fmt.Errorf("%w: read the AWS configuration of this machine (AWS_PROFILE, ~/.aws/config, ~/.aws/credentials): %w",
			ErrCredentials, secret.Scrub(err))
	}
	if cfg.Region == "" {
		return nil, fmt.Errorf("%w: say `region:` under sources.%s, or set AWS_REGION", ErrRegion, s.env.Name)
	}
	if err := checkRegionForm(cfg.Region); err != nil {
		return nil, fmt.Errorf("%w: what AWS_REGION or the profile says %w", ErrRegion, err)
	}

	found := &witness{next: cfg.Credentials, log: s.env.Log, doing: "find AWS credentials"}
	if set.RoleARN != "" {
		cfg.Credentials = found
		found = &witness{next: set.assumeRole(cfg), log: s.env.Log, doing: "assume role " + set.RoleARN, role: set.RoleARN}
	}
	cfg.HTTPClient, cfg.Credentials = bounded{h}, found
	return &connection{
		secrets: secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) {
			o.BaseEndpoint = orNil(set.Endpoint) // whatever AWS_ENDPOINT_URL says
		}),
		region: cfg.Region, host: set.host(cfg.Region), credentials: found, made: time.Now(), http: h, chain: chain,
	}, nil
}

// loadOptions let the SDK read the environment and the files that its documentation
// names, but neither its HTTP client, nor its retries, which are the engine's, nor
// a logger.
func (s *settings) loadOptions(chain *chainClient) []func(*awsconfig.LoadOptions) error {
	options := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithHTTPClient(chain),
		awsconfig.WithEndpointCredentialOptions(func(o *endpointcreds.Options) { o.HTTPClient = chain }),
		awsconfig.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		awsconfig.WithDefaultsMode(aws.DefaultsModeStandard), // auto would ask the instance where it is
		awsconfig.WithLogger(logging.Nop{}),
	}
	if s.Region != "" {
		options = append(options, awsconfig.WithRegion(s.Region))
	}
	if s.Profile != "" {
		options = append(options, awsconfig.WithSharedConfigProfile(s.Profile))
	}
	if s.STSEndpoint != "" {
		options = append(options, awsconfig.WithWebIdentityRoleCredentialOptions(func(o *stscreds.WebIdentityRoleOptions) {
			region := s.Region
			if region == "" {
				region = "us-east-1" // signs nothing: the web identity's token is the credential
			}
			o.Client = sts.New(sts.Options{
				Region: region, BaseEndpoint: &s.STSEndpoint, HTTPClient: chain, Retryer: aws.NopRetryer{}, Logger: logging.Nop{},
			})
		}))
	}
	return options
}

// assumeRole turns the credentials of cfg into those of the role.
func (s *settings) assumeRole(cfg aws.Config) aws.CredentialsProvider {
	client := sts.NewFromConfig(cfg, func(o *sts.Options) { o.BaseEndpoint = orNil(s.STSEndpoint) })
	role := stscreds.NewAssumeRoleProvider(client, s.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = s.SessionName
		o.ExternalID = orNil(s.ExternalID)
	})
	return aws.NewCredentialsCache(role, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = expiryWindow })
}

// host is where the secrets are asked for, for people.
func (s *settings) host(region string) string {
	if u, err := url.Parse(s.Endpoint); err == nil && u.Host != "" {
		return u.Host
	}
	return "Secrets Manager in " + region
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
