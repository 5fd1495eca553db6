package catalog

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/validator"
	tells "github.com/livekey/livekey/validator/offline"
)

// corpora are the files of testdata/answers by provider: one for each issuer whose rules are
// not tried in Go. No test may change them: all have the same.
func corpora(t testing.TB) map[string]corpus {
	t.Helper()
	all, err := readCorpora()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var readCorpora = sync.OnceValues(func() (map[string]corpus, error) {
	paths, err := filepath.Glob("testdata/answers/*.yaml")
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("no answers: %w", err)
	}
	all := map[string]corpus{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		c, err := readCorpus(path, string(text))
		if err != nil {
			return nil, err
		}
		all[strings.TrimSuffix(filepath.Base(path), ".yaml")] = *c
	}
	return all, nil
})

// first is the first answer with this meaning to a credential of the usual kind, nil
// if there is none.
func (c *corpus) first(outcome string) *said {
	for i := range c.Answers {
		if s := &c.Answers[i]; s.Value == c.Value && s.asked() && strings.HasPrefix(s.Want, outcome) {
			return s
		}
	}
	return nil
}

// madeUp is a credential of the kind that the answer is about: its parts by name.
func (s *said) madeUp(t testing.TB, p *Provider) map[key.Part]string {
	t.Helper()
	made, err := s.credential(p)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// class is the kind of credential that the answer is about.
func (s *said) class(t testing.TB, p *Provider) *class {
	t.Helper()
	return p.class(secret.New([]byte(s.madeUp(t, p)[firstOf(p)])), s.With)
}

// ServeHTTP answers so, whatever is asked.
func (s *said) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	maps.Copy(w.Header(), s.header())
	w.WriteHeader(s.Status)
	_, _ = io.WriteString(w, s.Body)
}

// sent is the credential that a request carries, in whatever place some kind has it.
func (c *corpus) sent(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	for _, s := range c.Answers {
		if v := s.Carries.read(r, body); v != "" {
			return v
		}
	}
	return ""
}

// decoders are the real ones, for files whose answers depend on what they read.
var decoders = map[string]validator.Decoder{"embedded": tells.Embedded}

// recordedCode is what every trial of a test has.
var recordedCode = Settings{Client: http.DefaultClient, Decoders: decoders}
