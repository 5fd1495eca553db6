package validator

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// A Signer completes a request to an issuer that takes a signature made with the
// secret, and not the secret. It adds headers, may give the request a body with
// SetBody, and changes nothing else. Its error is shown: it says what is wrong with the
// key or with how it is configured, in livekey's words.
type Signer func(r *http.Request, s Signing) error

// Signing is what a Signer is given beside the request.
type Signing struct {
	Body string
	Part func(name string) string // "" for a part that the key has not
	With map[string]string        // what the file's sign says, its parameters filled in
	Now  time.Time
}

// SetBody gives r another body.
func SetBody(r *http.Request, body string) {
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	r.ContentLength = int64(len(body))
}
