package awssm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/fakeaws"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/sources/awssm"
)

const (
	single = "secretsmanager:GetSecretValue"
	batch  = "secretsmanager:BatchGetSecretValue"
)

// many puts n secrets and returns where they are.
func (w *world) many(n int) (locs []key.Location) {
	for i := range n {
		name := fmt.Sprintf("prod/s%03d", i)
		w.Put(name, fakeaws.Text("value of "+name))
		locs = append(locs, at(name))
	}
	return locs
}

// readAll reads a batch and wants the value of each secret in its place, except where
// failing says which error.
func (w *world) readAll(src sources.Source, locs []key.Location, failing map[int]error) []error {
	w.t.Helper()
	recs, errs := src.(sources.Batcher).FetchBatch(w.t.Context(), locs)
	if len(recs) != len(locs) || len(errs) != len(locs) {
		w.t.Fatalf("%d records and %d errors of %d", len(recs), len(errs), len(locs))
	}
	for i, loc := range locs {
		if want := failing[i]; want != nil {
			if !errors.Is(errs[i], want) || !strings.Contains(errs[i].Error(), loc.Path) {
				w.t.Errorf("%s: err = %v, want %v", loc, errs[i], want)
			}
			continue
		}
		name := loc.Path
		if strings.HasPrefix(name, "arn:") {
			_, name, _ = strings.Cut(name, ":secret:")
			name = name[:len("prod/s000")]
		}
		if got := string(recs[i].Data.Reveal()); errs[i] != nil || got != "value of "+name || recs[i].Version == "" {
			w.t.Errorf("%s: got %q, err = %v", loc, got, errs[i])
		}
	}
	return errs
}

func (w *world) calls(singles, batches int) {
	w.t.Helper()
	if s, b := w.Calls(single), w.Calls(batch); s != singles || b != batches {
		w.t.Errorf("%d single reads and %d batches, want %d and %d", s, b, singles, batches)
	}
}

func TestManyAreReadTwentyAtACall(t *testing.T) {
	w := newWorld(t)
	locs := w.many(45)
	w.readAll(w.open(), locs, nil)
	w.calls(0, 3)
}

func TestABatchThatComesInPagesIsReadToItsEnd(t *testing.T) {
	w := newWorld(t)
	locs := w.many(20)
	w.PageSize(6)
	w.readAll(w.open(), locs, nil)
	w.calls(0, 4)
}

func TestResultsOfABatchGoWhereTheyBelong(t *testing.T) {
	w := newWorld(t)
	locs := w.many(6)
	locs[1].Path = w.ARN(locs[1].Path)
	arn := w.ARN(locs[2].Path)
	locs[2].Path = arn[:len(arn)-7]
	locs[3].Params = "format=json"
	locs = append(locs, locs[0])
	w.readAll(w.open(), locs, nil)
	w.calls(0, 1)
}

func TestOnlyWhatIsCurrentIsReadInABatch(t *testing.T) {
	w := newWorld(t)
	locs := w.many(4)
	id := w.Put("prod/s000", fakeaws.Text("value of prod/s000"))
	locs[0].Version = key.Version(id)
	w.Put("prod/s001", fakeaws.Text("value of prod/s001"))
	locs[1].Params = "stage=AWSPREVIOUS"
	locs[2].Params = "stage=AWSCURRENT"
	w.readAll(w.open(), locs, nil)
	w.calls(2, 1)
}

func TestOneThatFailsTakesNothingFromTheOthers(t *testing.T) {
	w := newWorld(t)
	locs := w.many(8)
	w.Deny(single, "prod/s001")
	w.Delete("prod/s002", true)
	w.Delete("prod/s003", false)
	locs[4].Path = "not a name"
	locs[5].Path = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/s005-AbCdEf"
	recs, errs := w.open().(sources.Batcher).FetchBatch(t.Context(), locs)
	for i, want := range map[int]struct {
		is   error
		says string
	}{
		1: {awssm.ErrDenied, "lacks secretsmanager:GetSecretValue on prod/s001"},
		2: {key.ErrNotFound, "no such secret"},
		3: {key.ErrNotFound, "restore-secret"},
		4: {nil, "not a secret's name"},
		5: {nil, "region us-east-1"},
	} {
		if errs[i] == nil || want.is != nil && !errors.Is(errs[i], want.is) || !strings.Contains(errs[i].Error(), want.says) {
			t.Errorf("%s: err = %v, want %v and %q", locs[i], errs[i], want.is, want.says)
		}
	}
	for _, i := range []int{0, 6, 7} {
		if errs[i] != nil || recs[i].Data.Len() == 0 {
			t.Errorf("%s: err = %v", locs[i], errs[i])
		}
	}
	w.calls(0, 1)
}

func TestABatchThatIAMDeniesIsReadOneByOneFromThenOn(t *testing.T) {
	w := newWorld(t)
	locs := w.many(3)
	w.Deny(batch, "")
	src := w.open()
	w.readAll(src, locs, nil)
	w.calls(3, 1)
	w.readAll(src, locs, nil)
	w.calls(6, 1)
	if said := strings.Count(w.log.String(), "secrets read one by one"); said != 1 {
		t.Errorf("it was told %d times:\n%s", said, w.log)
	}
	if !strings.Contains(w.log.String(), batch) {
		t.Errorf("the log does not name the action:\n%s", w.log)
	}
}

func TestABatchThatIsRefusedForOneOfItsSecretsIsReadOneByOne(t *testing.T) {
	w := newWorld(t)
	locs := w.many(3)
	w.breaks("SecretIdList", jsonError(400, "InvalidParameterException", "one of them"))
	src := w.open()
	w.readAll(src, locs, nil)
	w.calls(3, 0)
}

func TestAThrottledBatchIsThrottledForAll(t *testing.T) {
	w := newWorld(t)
	locs := w.many(3)
	src := w.open()
	w.Throttle(batch, 1)
	w.readAll(src, locs, map[int]error{0: awssm.ErrThrottled, 1: awssm.ErrThrottled, 2: awssm.ErrThrottled})
	w.calls(0, 1)
	w.readAll(src, locs, nil)
}

func TestWhatABatchDoesNotAnswerAboutIsReadAlone(t *testing.T) {
	w := newWorld(t)
	locs := w.many(2)
	w.breaks("SecretIdList", jsonError(200, "", "")) // neither values nor errors
	w.readAll(w.open(), locs, nil)
	w.calls(2, 0)
}

func TestABatchThatNeverEndsEnds(t *testing.T) {
	w := newWorld(t)
	locs := w.many(2)
	w.breaks("SecretIdList", jsonAnswer(`{"NextToken":"again"}`))
	w.readAll(w.open(), locs, nil)
	w.calls(2, 0)
}

func TestNobodyToAsk(t *testing.T) {
	w := newWorld(t)
	locs := w.many(2)
	w.readAll(w.openAt("endpoint: "+w.url), locs, map[int]error{0: awssm.ErrRegion, 1: awssm.ErrRegion})
	w.calls(0, 0)
}
