package awssm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/fakeaws"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/sources/awssm"
	"github.com/livekey/livekey/sources/sourcetest"
)

func content(data []byte) fakeaws.Content {
	if utf8.Valid(data) {
		return fakeaws.Text(string(data))
	}
	return fakeaws.Content{Binary: data}
}

func TestConformance(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
		w := newWorld(t)
		fault := func(status int, code string) func(*testing.T, []byte) key.Location {
			return func(_ *testing.T, canary []byte) key.Location {
				w.breaks(code, jsonError(status, code, "no: "+string(canary)))
				return at(code)
			}
		}
		return sourcetest.Harness{
			Open:     func(*testing.T) sources.Source { return w.open() },
			Location: at,
			Put:      func(_ *testing.T, name string, data []byte) { w.Put(name, content(data)) },
			Delete:   func(_ *testing.T, name string) { w.Delete(name, true) },
			Address:  strings.TrimPrefix(w.url, "http://"),
			OpenAt: func(_ *testing.T, address string) sources.Source {
				return w.openAt(fmt.Sprintf("region: %s\nendpoint: http://%s", region, address))
			},
			Faults: map[string]func(*testing.T, []byte) key.Location{
				"access denied":         fault(400, "AccessDeniedException"),
				"throttled":             fault(400, "ThrottlingException"),
				"not decrypted":         fault(400, "DecryptionFailure"),
				"a bad request":         fault(400, "InvalidParameterException"),
				"an unknown token":      fault(400, "UnrecognizedClientException"),
				"an error of its own":   fault(500, "InternalServiceError"),
				"an error nobody knows": fault(400, "SomethingNew"),
				"an answer of somebody else": func(_ *testing.T, canary []byte) key.Location {
					w.breaks("page", func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("<html>" + string(canary))) })
					return at("page")
				},
				"half an answer": func(_ *testing.T, canary []byte) key.Location {
					w.breaks("half", func(rw http.ResponseWriter, _ *http.Request) {
						_, _ = rw.Write([]byte(`{"SecretString":"` + string(canary)))
					})
					return at("half")
				},
				"an answer without a version": func(_ *testing.T, canary []byte) key.Location {
					w.breaks("bare", func(rw http.ResponseWriter, _ *http.Request) {
						_, _ = rw.Write([]byte(`{"SecretString":"` + string(canary) + `"}`))
					})
					return at("bare")
				},
			},
		}
	})
}

func jsonAnswer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func jsonError(status int, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "Message": message})
	}
}

func TestAVersionIsReadByIDLabelOrARN(t *testing.T) {
	w := newWorld(t)
	src := w.open()
	first := w.Put("prod/app", fakeaws.Text("one"))
	second := w.Put("prod/app", fakeaws.Text("two"))
	w.Put("prod/app", fakeaws.Text("three"), fakeaws.Pending, "CANARY")
	arn := w.ARN("prod/app")
	for _, test := range []struct {
		rule string
		loc  key.Location
		want string
	}{
		{"what is current is read, never what is pending", at("prod/app"), "two"},
		{"AWSCURRENT may be said", staged("prod/app", "AWSCURRENT"), "two"},
		{"the previous one by its label", staged("prod/app", "AWSPREVIOUS"), "one"},
		{"the pending one by its label", staged("prod/app", "AWSPENDING"), "three"},
		{"any by a label of one's own", staged("prod/app", "CANARY"), "three"},
		{"any by its id", key.Location{Source: "aws", Path: "prod/app", Version: key.Version(first)}, "one"},
		{"by ARN", at(arn), "two"},
		{"by ARN and label", staged(arn, "AWSPREVIOUS"), "one"},
		{"the parameter of normalize is not of interest here", key.Location{Source: "aws", Path: "prod/app", Params: "format=json&stage=CANARY"}, "three"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			if got := w.read(src, test.loc); got != test.want {
				t.Errorf("read %q, want %q", got, test.want)
			}
		})
	}
	r, err := src.Fetch(t.Context(), at("prod/app"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Version != key.Version(second) || r.Number != 0 || r.Created.IsZero() || time.Since(r.Created) > time.Minute {
		t.Errorf("version %s, number %d, created %s", r.Version, r.Number, r.Created)
	}
	w.Promote("prod/app")
	if got := w.read(src, at("prod/app")); got != "three" {
		t.Errorf("read %q after the rotation ended", got)
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	w := newWorld(t)
	src := w.open()
	w.Put("app", fakeaws.Text("x"))
	w.Put("gone", fakeaws.Text("x"))
	w.Delete("gone", false)
	for _, test := range []struct {
		rule string
		loc  key.Location
		says string
	}{
		{"a secret", at("none"), "no such secret in " + region},
		{"a label", staged("app", "AWSPENDING"), "the secret has not a version with the label AWSPENDING"},
		{"a version", key.Location{Source: "aws", Path: "app", Version: key.Version(strings.Repeat("0", 32))}, "the secret has not version 000"},
		{"a secret that is being deleted", at("gone"), "restore-secret --secret-id gone"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			if err := w.failure(src, test.loc, test.says); !errors.Is(err, key.ErrNotFound) {
				t.Errorf("err = %v, want key.ErrNotFound", err)
			}
		})
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	w := newWorld(t)
	w.Put("app", fakeaws.Text("x"))
	src := w.open()
	iam := func(message string) http.HandlerFunc { return jsonError(400, "AccessDeniedException", message) }
	for _, test := range []struct {
		rule    string
		handler http.HandlerFunc
		want    error
		says    []string
	}{
		{"the missing action and its resource are named", iam("… because no identity-based policy allows …"), awssm.ErrDenied, []string{"environment variables lacks secretsmanager:GetSecretValue on broken", "IAM policy"}},
		{"an explicit deny is told from a missing allow", iam("… with an explicit deny in a resource-based policy"), awssm.ErrDenied, []string{"explicitly"}},
		{"the key's policy is told from the secret's", iam("Access to KMS is not allowed"), awssm.ErrDenied, []string{"kms:Decrypt"}},
		{"a key that does not decrypt", jsonError(400, "DecryptionFailure", ""), awssm.ErrKMS, []string{"KMS key"}},
		{"expired credentials", jsonError(400, "ExpiredTokenException", ""), awssm.ErrCredentials, []string{"environment variables have expired"}},
		{"refused credentials", jsonError(400, "UnrecognizedClientException", ""), awssm.ErrCredentials, []string{"environment variables", "deleted"}},
		{"a clock that is wrong", jsonError(400, "InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than …"), awssm.ErrClock, []string{"timedatectl"}},
		{"throttling", jsonError(400, "ThrottlingException", "Rate exceeded"), awssm.ErrThrottled, []string{"refresh:"}},
		{"a status of a proxy that throttles", jsonError(429, "x", ""), awssm.ErrThrottled, nil},
		{"a bad request", jsonError(400, "ValidationException", ""), awssm.ErrRefused, []string{"broken"}},
		{"an outage", jsonError(503, "ServiceUnavailable", ""), awssm.ErrBusy, []string{"503"}},
		{"somebody else", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, awssm.ErrAnswer, []string{"endpoint"}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			w.breaks("broken", test.handler)
			if err := w.failure(src, at("broken"), test.says...); !errors.Is(err, test.want) {
				t.Errorf("err = %v, want %v", err, test.want)
			}
		})
	}
}

func TestThrottlingAsksForTime(t *testing.T) {
	w := newWorld(t)
	w.Put("app", fakeaws.Text("x"))
	src := w.open()
	w.Throttle("secretsmanager:GetSecretValue", 1)
	var later *sources.RetryError
	if err := w.failure(src, at("app")); !errors.As(err, &later) || later.After < time.Second {
		t.Errorf("err = %v asks for %s", err, later.After)
	}
	if n := w.Calls("secretsmanager:GetSecretValue"); n != 1 {
		t.Errorf("%d calls were made: to retry is the engine's", n)
	}
	w.breaks("app", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Retry-After", "77")
		jsonError(400, "ThrottlingException", "")(rw, r)
	})
	if err := w.failure(src, at("app")); !errors.As(err, &later) || later.After != 77*time.Second {
		t.Errorf("err = %v asks for %s, want what Retry-After says", err, later.After)
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	w := newWorld(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		target := newWorld(t)
		w.breaks("app", func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			rw.Header().Set("Location", target.url)
			rw.WriteHeader(status)
		})
		seen := false
		target.breaks("", func(http.ResponseWriter, *http.Request) { seen = true })
		w.login(w.user)
		if err := w.failure(w.open(), at("app"), fmt.Sprint(status)); !errors.Is(err, awssm.ErrRedirected) {
			t.Errorf("%d: err = %v, want ErrRedirected", status, err)
		}
		if seen {
			t.Errorf("%d: the target was asked", status)
		}
	}
}

func TestAConnectionThatBreaksOnceIsMadeAnew(t *testing.T) {
	w := newWorld(t)
	var asked atomic.Int32
	w.breaks("broken", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", "60")
		_, _ = io.WriteString(rw, `{"SecretString":"v","VersionId":"`)
		_ = http.NewResponseController(rw).Flush()
		if asked.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(rw, strings.Repeat("1", 60-33-2)+`"}`)
	})
	r, err := w.open().Fetch(t.Context(), at("broken"))
	if err != nil || asked.Load() != 2 || string(r.Data.Reveal()) != "v" {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

// What is not Secrets Manager's ends in time, with an error of the right kind that
// quotes nothing; sourcetest has the plainer cases.
func TestFarEndThatMisbehaves(t *testing.T) {
	w := newWorld(t)
	src, hurried := w.open("timeout: 10s"), w.open("timeout: 300ms")
	const canary = "canary-9Zt3Qw7LrXv5"
	giant := func(status int) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(status)
			_, _ = io.WriteString(rw, `{"SecretString":"`)
			chunk := []byte(strings.Repeat("A", 1<<20))
			for range 1 << 10 {
				if _, err := rw.Write(chunk); err != nil {
					return
				}
			}
		}
	}
	for _, test := range []struct {
		rule    string
		handler http.HandlerFunc
		want    error
	}{
		{"a body of 1 GiB", giant(200), awssm.ErrAnswer},
		{"an error of 1 GiB", giant(400), awssm.ErrAnswer},
		{"endless: headers that never come", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() }, nil},
		{"endless: a body that trickles", func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(rw, " ")
				_ = http.NewResponseController(rw).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		}, nil},
		{"a page", func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "<html>"+canary) }, awssm.ErrAnswer},
		{"a page with an error", func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(403)
			_, _ = io.WriteString(rw, "<html>"+canary)
		}, awssm.ErrAnswer},
		{"a list", func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, `["`+canary+`"]`) }, awssm.ErrAnswer},
		{"another version than asked", func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, `{"SecretString":"`+canary+`","VersionId":"x"}`)
		}, awssm.ErrAnswer},
		{"a connection that breaks", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(rw, `{"SecretString":"`+canary)
			_ = http.NewResponseController(rw).Flush()
			panic(http.ErrAbortHandler)
		}, nil},
	} {
		t.Run(test.rule, func(t *testing.T) {
			w.breaks("broken", test.handler)
			start := time.Now()
			loc := at("broken")
			loc.Version = key.Version(strings.Repeat("1", 32))
			who := src
			if strings.HasPrefix(test.rule, "endless") {
				who = hurried
			}
			err := w.failure(who, loc)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
			if errors.Is(err, key.ErrNotFound) || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("err = %v, want %v", err, test.want)
			}
			if shown := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(shown, canary[:12]) {
				t.Errorf("err = %v quotes the answer", err)
			}
		})
	}
}
