package awssm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
)

const (
	// batchSize is how many secrets one BatchGetSecretValue takes.
	batchSize = 20

	// batchAgain is how long a batch that IAM denied is not tried again: reading one
	// by one needs no more rights, and a new policy is found within the hour.
	batchAgain = time.Hour

	batchAction = "secretsmanager:BatchGetSecretValue"
)

// batching remembers that IAM denies batches.
type batching struct {
	mu     sync.Mutex
	denied time.Time
}

func (b *batching) allowed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.denied.IsZero() || time.Since(b.denied) > batchAgain
}

func (b *batching) deny() (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first = b.denied.IsZero()
	b.denied = time.Now()
	return first
}

// outcome is what reading one location gave.
type outcome struct {
	rec sources.Record
	err error
}

// FetchBatch reads many secrets, twenty at a call. A batch only ever has the current
// versions; others are read one by one, and so is what a batch has no answer
// about: one bad secret takes nothing from the others.
func (s *Source) FetchBatch(ctx context.Context, locs []key.Location) ([]sources.Record, []error) {
	outcomes := make([]outcome, len(locs))
	wanted := map[location][]int{} // where each is in locs
	var conn *connection
	for i, loc := range locs {
		c, at, err := s.prepare(ctx, loc)
		if err != nil {
			outcomes[i].err = err
			continue
		}
		conn = c
		wanted[at] = append(wanted[at], i)
	}
	found := s.fetchAll(ctx, conn, wanted)

	recs, errs := make([]sources.Record, len(locs)), make([]error, len(locs))
	for at, places := range wanted {
		for _, i := range places {
			outcomes[i] = found[at]
		}
	}
	for i, o := range outcomes {
		recs[i] = o.rec
		if o.err != nil {
			errs[i] = fmt.Errorf("read %s: %w", locs[i], o.err)
		}
	}
	return recs, errs
}

// fetchAll reads what is wanted: batches first, then the rest.
func (s *Source) fetchAll(ctx context.Context, conn *connection, wanted map[location][]int) map[location]outcome {
	var mu sync.Mutex
	all := make(map[location]outcome, len(wanted))
	var together []location
	for at := range wanted {
		if at.isCurrent() {
			together = append(together, at)
		}
	}
	if len(together) > 1 && s.batching.allowed() {
		slices.SortFunc(together, func(a, b location) int { return strings.Compare(a.id, b.id) })
		var work errgroup.Group
		work.SetLimit(maxRequests)
		for chunk := range slices.Chunk(together, batchSize) {
			work.Go(func() error {
				got := s.fetchChunk(ctx, conn, chunk)
				mu.Lock()
				defer mu.Unlock()
				maps.Copy(all, got)
				return nil
			})
		}
		_ = work.Wait()
	}
	var work errgroup.Group
	work.SetLimit(maxRequests)
	for at := range wanted {
		mu.Lock()
		_, done := all[at]
		mu.Unlock()
		if done {
			continue
		}
		work.Go(func() error {
			rec, err := s.fetch(ctx, conn, at)
			mu.Lock()
			defer mu.Unlock()
			all[at] = outcome{rec, err}
			return nil
		})
	}
	_ = work.Wait()
	return all
}

// fetchChunk reads at most batchSize secrets with one call, or as many as AWS makes
// of it. What is not in the result has to be read alone.
func (s *Source) fetchChunk(ctx context.Context, conn *connection, chunk []location) map[location]outcome {
	got := make(map[location]outcome, len(chunk))
	in := &secretsmanager.BatchGetSecretValueInput{}
	for _, at := range chunk {
		in.SecretIdList = append(in.SecretIdList, at.id)
	}
	for range chunk { // each page brings one at least
		var out *secretsmanager.BatchGetSecretValueOutput
		err := s.call(ctx, conn, call{action: batchAction}, func(ctx context.Context) (err error) {
			out, err = conn.secrets.BatchGetSecretValue(ctx, in)
			return err
		})
		switch {
		case errors.Is(err, ErrDenied) && !errors.Is(err, ErrCredentials):
			if s.batching.deny() {
				s.env.Log.InfoContext(ctx, "secrets read one by one", "err", err)
			}
			return got
		case errors.Is(err, ErrRefused), errors.Is(err, key.ErrNotFound), errors.Is(err, ErrKMS):
			return got // about one of them, and it is not said which
		case err != nil:
			for _, at := range chunk {
				if _, done := got[at]; !done {
					got[at] = outcome{err: err}
				}
			}
			return got
		}
		conn.take(out, chunk, got)
		if aws.ToString(out.NextToken) == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	return got
}

// take puts what a batch answered where it belongs. AWS answers in an order of its own.
func (conn *connection) take(out *secretsmanager.BatchGetSecretValueOutput, chunk []location, got map[location]outcome) {
	for i := range out.SecretValues {
		entry := &out.SecretValues[i]
		for _, at := range chunk {
			if at.names(aws.ToString(entry.Name), aws.ToString(entry.ARN)) {
				rec, err := record(entry.SecretString, entry.SecretBinary, entry.VersionId, entry.CreatedDate)
				got[at] = outcome{rec, err}
			}
		}
	}
	for _, e := range out.Errors {
		for _, at := range chunk {
			if id := aws.ToString(e.SecretId); at.names(id, id) {
				c := call{action: "secretsmanager:GetSecretValue", at: at, conn: conn}
				said := &smithy.GenericAPIError{Code: aws.ToString(e.ErrorCode), Message: aws.ToString(e.Message)}
				got[at] = outcome{err: fmt.Errorf("%s: %w", conn.host, c.ofCode(said, nil))}
			}
		}
	}
}

// arnSuffix is what AWS adds to a secret's name in its ARN: a dash and six characters.
const arnSuffix = 7

// names says whether this is the secret of that name and ARN. An ARN may be asked for
// without the suffix.
func (at location) names(name, arn string) bool {
	return at.id == name || at.id == arn ||
		at.region != "" && len(arn) == len(at.id)+arnSuffix && strings.HasPrefix(arn, at.id+"-")
}
