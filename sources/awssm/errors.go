package awssm

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
)

// Errors that Fetch wraps, beside key.ErrNotFound. Their texts and what stands around
// them are livekey's own: what a server says may quote a record.
var (
	ErrDenied      = errors.New("access denied")
	ErrCredentials = errors.New("no usable AWS credentials")
	ErrRegion      = errors.New("no region")
	ErrClock       = errors.New("the clocks differ")
	ErrThrottled   = errors.New("throttled")
	ErrRefused     = errors.New("request refused")
	ErrKMS         = errors.New("not decrypted")
	ErrRedirected  = errors.New("redirected")
	ErrBusy        = errors.New("AWS cannot answer now")
	ErrAnswer      = errors.New("not an answer of Secrets Manager")
)

// throttlePause is how long a location that was throttled is left alone at least.
// Secrets Manager answers 10,000 reads a second: who is throttled is in a crowd.
const throttlePause = 5 * time.Second

// Codes of AWS's errors, by what they mean here. Services spell some in two ways.
var (
	throttled = []string{
		"ThrottlingException", "Throttling", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded",
		"LimitExceededException", "SlowDown", "PriorRequestNotComplete",
	}
	unknownCaller = []string{
		"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "InvalidSignatureException",
		"SignatureDoesNotMatch", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "InvalidIdentityToken",
	}
	expired = []string{"ExpiredTokenException", "ExpiredToken", "TokenRefreshRequired"}
	skewed  = []string{"RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"}
	denied  = []string{"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized"}
	invalid = []string{"ValidationException", "InvalidParameterException", "InvalidRequestException", "InvalidNextTokenException"}
)

// call is what was asked for, for the words of its error.
type call struct {
	action string // as IAM names it
	at     location
	conn   *connection
}

// explain says in livekey's words why a call failed. It classifies what the SDK
// returned and keeps nothing of its text, in which the answer may be quoted.
func (c call) explain(ctx context.Context, err error) error {
	if chain, ok := errors.AsType[errChain](err); ok {
		return c.noCredentials(ctx, chain)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%s: %w", c.conn.host, c.cause(err))
}

// noCredentials is about the credential chain, or the role behind it.
func (c call) noCredentials(ctx context.Context, chain errChain) error {
	var host errHost
	var api smithy.APIError
	switch {
	case errors.As(chain.err, &host):
		return fmt.Errorf("%s: %w: %w", chain.doing, ErrCredentials, host)
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
		return context.Cause(ctx)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w: %w", chain.doing, ErrCredentials, context.Cause(ctx))
	case errors.As(chain.err, &api) && chain.role != "" && slices.Contains(denied, api.ErrorCode()):
		return fmt.Errorf("%s: %w: %w: allow sts:AssumeRole on it in the policy of who asks, and name who asks in the role's trust policy"+
			" (with its external id, if it asks for one)", chain.doing, ErrCredentials, ErrDenied)
	case errors.As(chain.err, &api):
		return fmt.Errorf("%s: %w: %w", chain.doing, ErrCredentials, c.cause(chain.err))
	default:
		return fmt.Errorf("%s: %w: neither the environment, nor the profile, a web identity, a container endpoint or the EC2 instance gave any: %w",
			chain.doing, ErrCredentials, secret.Scrub(chain.err))
	}
}

// cause is the class of an error, and what to do about it.
func (c call) cause(err error) error {
	var api smithy.APIError
	var resp *smithyhttp.ResponseError
	var unknown x509.UnknownAuthorityError
	answered := errors.As(err, &resp) && resp.Response != nil && resp.Response.Response != nil
	switch {
	case errors.Is(err, httpclient.ErrAddressRefused):
		return httpclient.ErrAddressRefused
	case errors.Is(err, httpclient.ErrTooLarge):
		return fmt.Errorf("%w: longer than %d bytes", ErrAnswer, maxAnswer)
	case errors.As(err, &unknown):
		return errors.New("the certificate is signed by an authority that this machine does not know: name its root in ca_file")
	case answered && resp.HTTPStatusCode()/100 == 3:
		return fmt.Errorf("%w (%d), and no redirect is followed with credentials: does endpoint lead to AWS?", ErrRedirected, resp.HTTPStatusCode())
	case answered && resp.HTTPStatusCode() >= 500:
		return &sources.RetryError{Err: fmt.Errorf("%w (%d)", ErrBusy, resp.HTTPStatusCode()), After: retryAfter(resp)}
	case answered && resp.HTTPStatusCode() == http.StatusTooManyRequests:
		return c.throttled(resp)
	case errors.As(err, &api):
		return c.ofCode(api, resp)
	case answered && broken(err):
		return errors.New("the connection broke while the answer was read, twice")
	case answered:
		return fmt.Errorf("%w (status %d): does endpoint lead to AWS?", ErrAnswer, resp.HTTPStatusCode())
	default:
		return secret.Scrub(err)
	}
}

// ofCode is about what AWS itself said. resp is nil for an error inside of a batch.
func (c call) ofCode(api smithy.APIError, resp *smithyhttp.ResponseError) error {
	says := func(phrase string) bool { return strings.Contains(strings.ToLower(api.ErrorMessage()), phrase) }
	is := func(codes []string) bool { return slices.Contains(codes, api.ErrorCode()) }
	switch {
	case is(throttled):
		return c.throttled(resp)
	case is(skewed), says("signature expired"), says("signature not yet current"):
		return fmt.Errorf("%w: AWS refuses signatures more than a few minutes off: is the time of this machine right (timedatectl)?", ErrClock)
	case is(expired):
		return fmt.Errorf("%w: those of %s have expired: renew them where they come from (for an SSO session, `aws sso login`)", ErrCredentials, c.conn.credentials)
	case is(unknownCaller):
		return fmt.Errorf("%w: AWS does not accept those of %s: wrong, deleted, inactive, or of another partition", ErrCredentials, c.conn.credentials)
	case is(denied) && says("kms"):
		return fmt.Errorf("%w: %s lacks kms:Decrypt on the key that encrypts %s", ErrDenied, c.conn.credentials, c.at.id)
	case is(denied) && says("explicit deny"):
		return fmt.Errorf("%w: a policy denies %s on %s to %s explicitly: no other statement can allow it", ErrDenied, c.action, c.subject(), c.conn.credentials)
	case is(denied):
		return fmt.Errorf("%w: %s lacks %s on %s: allow it in its IAM policy", ErrDenied, c.conn.credentials, c.action, c.subject())
	case api.ErrorCode() == "ResourceNotFoundException":
		return c.notFound(says)
	case is(invalid) && (says("marked for deletion") || says("was deleted")):
		return fmt.Errorf("the secret is marked for deletion (`aws secretsmanager restore-secret --secret-id %s` brings it back): %w", c.at.id, key.ErrNotFound)
	case is(invalid):
		return fmt.Errorf("%w: is %s the name or ARN of a secret with a value?", ErrRefused, c.subject())
	case api.ErrorCode() == "DecryptionFailure":
		return fmt.Errorf("%w: the KMS key that encrypts %s is disabled, deleted, or not to be used by %s", ErrKMS, c.at.id, c.conn.credentials)
	case api.ErrorCode() == "InternalServiceError":
		return fmt.Errorf("%w: an error of its own", ErrBusy)
	default:
		return fmt.Errorf("%w: an error that livekey does not know; does endpoint lead to AWS?", ErrAnswer)
	}
}

func (c call) notFound(says func(string) bool) error {
	if says("secret value") || says("version") || says("staging label") {
		return fmt.Errorf("the secret has not %s: %w", c.at, key.ErrNotFound)
	}
	return fmt.Errorf("no such secret in %s, in the account of %s: %w", c.conn.region, c.conn.credentials, key.ErrNotFound)
}

func (c call) throttled(resp *smithyhttp.ResponseError) error {
	after := throttlePause
	if resp != nil {
		after = max(after, retryAfter(resp))
	}
	return &sources.RetryError{Err: fmt.Errorf("%w: too many calls of this account; a longer refresh: asks less often", ErrThrottled), After: after}
}

// subject is what an IAM statement has to name.
func (c call) subject() string {
	if c.at.id == "" {
		return "*"
	}
	return c.at.id
}

func retryAfter(resp *smithyhttp.ResponseError) time.Duration {
	return httpclient.RetryAfter(resp.Response.Header.Get("Retry-After"), time.Now())
}

// broken says whether a connection ended in the middle of an answer.
func broken(err error) bool {
	var op *net.OpError
	var resp *smithyhttp.ResponseError
	return errors.As(err, &resp) && (errors.As(err, &op) && op.Op == "read" || errors.Is(err, io.ErrUnexpectedEOF))
}
