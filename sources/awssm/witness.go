package awssm

import (
	"context"
	"log/slog"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
)

// witness stands before a chain of credentials and sees which of its links gave
// them. Whoever asks why AWS says no has to know as whom livekey asked.
type witness struct {
	next  aws.CredentialsProvider
	log   *slog.Logger
	doing string
	role  string // assumed; empty: none

	mu   sync.Mutex
	link string // that gave the credentials last
}

// Retrieve passes on what the chain gives, and tells once of each change.
func (w *witness) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := w.next.Retrieve(ctx)
	if err != nil {
		return c, errChain{doing: w.doing, role: w.role, err: err}
	}
	link := linkOf(c.Source)
	w.mu.Lock()
	changed := link != w.link
	w.link = link
	w.mu.Unlock()
	if changed {
		w.log.InfoContext(ctx, "aws credentials found", "link", link, "account", c.AccountID)
	}
	return c, nil
}

// String is as whom livekey asks, for people.
func (w *witness) String() string {
	if w.role != "" {
		return w.role
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.link
}

// links are the links of the chain in words, by the names that the SDK gives them.
var links = map[string]string{
	awsconfig.CredentialsSourceName:  "environment variables",
	stscreds.WebIdentityProviderName: "web identity",
	stscreds.ProviderName:            "assumed role",
	ssocreds.ProviderName:            "SSO session",
	logincreds.ProviderName:          "login session",
	processcreds.ProviderName:        "credential_process",
	endpointcreds.ProviderName:       "container endpoint",
	ec2rolecreds.ProviderName:        "EC2 instance role",
}

func linkOf(source string) string {
	if link := links[source]; link != "" {
		return link
	}
	if file, ok := strings.CutPrefix(source, "SharedConfigCredentials: "); ok {
		return "profile in " + file
	}
	return source
}

// errChain says that no credentials could be had. Its cause is for errors.As alone.
type errChain struct {
	doing string
	role  string
	err   error
}

func (e errChain) Error() string { return e.doing }
func (e errChain) Unwrap() error { return e.err }
