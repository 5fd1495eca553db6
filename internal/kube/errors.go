package kube

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/secret"
)

// What callers branch on. Each comes wrapped in an *Error.
var (
	ErrNotFound     = errors.New("not there")
	ErrForbidden    = errors.New("forbidden")
	ErrUnauthorized = errors.New("not logged in")
	ErrConflict     = errors.New("conflict")
	ErrGone         = errors.New("too old a version to go on from")
	ErrInvalid      = errors.New("not accepted")
	ErrBusy         = errors.New("the server is busy")
	// ErrAnswer says that whoever answered is no API of Kubernetes, or a broken one.
	ErrAnswer = errors.New("no answer of Kubernetes")
)

// Error is an answer that is a refusal. It quotes no value.
type Error struct {
	Verb string // get, watch, patch, create or update
	Of   Object
	Code int
	// Message is what the server says of it, scrubbed.
	Message string
	Causes  []Cause
	After   time.Duration // the server asks to be left alone for so long
	kind    error
}

// Cause is one of the reasons of a refusal.
type Cause struct {
	Reason  string `json:"reason"`  // such as FieldManagerConflict
	Message string `json:"message"` // may quote what was sent: not for logs
	Field   string `json:"field"`   // such as .data.API_KEY
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s %s: %v (%d)", e.Verb, e.Of, e.kind, e.Code)
	if e.Message != "" {
		text += ": " + e.Message
	}
	switch {
	case errors.Is(e.kind, ErrForbidden):
		text += "; the account needs this rule, bound to it: " + e.Of.rule(e.Verb)
	case errors.Is(e.kind, ErrUnauthorized):
		text += "; see that the token or certificate is one of this cluster, and not past its end"
	}
	return text
}

// Unwrap is one of the errors of this package.
func (e *Error) Unwrap() error { return e.kind }

// Object is what a path of the API names.
type Object struct {
	Group, Resource, Namespace, Name string
}

// objectAt reads a path: /api/v1/namespaces/NS/secrets/NAME, /apis/GROUP/V/namespaces/NS/….
func objectAt(path string) Object {
	var o Object
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		o.Group, parts = parts[1], parts[3:]
	default:
		return Object{Resource: path}
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		o.Namespace, parts = parts[1], parts[2:]
	}
	o.Resource = parts[0]
	if len(parts) > 1 {
		o.Name = parts[1]
	}
	return o
}

// String is how a person names it: secret llm in namespace prod.
func (o Object) String() string {
	text := o.Resource
	if o.Name != "" {
		text = strings.TrimSuffix(o.Resource, "s") + " " + o.Name
	}
	if o.Namespace != "" {
		text += " in namespace " + o.Namespace
	}
	return text
}

// rule is what a Role must have to let verb be done to o.
func (o Object) rule(verb string) string {
	names := ""
	if o.Name != "" { // a rule with names lets nobody create by POST
		names = fmt.Sprintf("resourceNames: [%s], ", o.Name)
	}
	where := "ClusterRole"
	if o.Namespace != "" {
		where = "Role in namespace " + o.Namespace
	}
	return fmt.Sprintf("{apiGroups: [%q], resources: [%s], %sverbs: [%s]} (%s)", o.Group, o.Resource, names, verb, where)
}

// status is the API's own form of a refusal.
type status struct {
	Kind    string `json:"kind"`
	Code    int    `json:"code"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Details struct {
		Kind    string  `json:"kind"`
		Name    string  `json:"name"`
		Causes  []Cause `json:"causes"`
		Seconds int     `json:"retryAfterSeconds"`
	} `json:"details"`
}

// refusal turns an answer into an *Error. header may be nil.
func refusal(verb string, of Object, code int, body []byte, header http.Header) error {
	e := &Error{Verb: verb, Of: of, Code: code}
	var s status
	if err := json.Unmarshal(body, &s); err != nil || s.Kind != "Status" {
		e.kind = ErrAnswer
		if code == http.StatusTooManyRequests || code >= 500 {
			e.kind = ErrBusy
		}
		e.Message = "the answer has not Kubernetes's form: does the address lead to its API?"
		return e
	}
	e.Causes = s.Details.Causes
	e.After = time.Duration(min(s.Details.Seconds, int(httpclient.MaxRetryAfter/time.Second))) * time.Second
	if header != nil {
		e.After = max(e.After, httpclient.RetryAfter(header.Get("Retry-After"), time.Now()))
	}
	e.kind = kindOf(code, s, of)
	if !errors.Is(e.kind, ErrInvalid) && s.Message != "" { // what is invalid may be quoted in there
		e.Message = secret.Scrub(plainly(s.Message)).Error()
	}
	return e
}

// plainly lets the names stay that the server quotes: they are no values.
func plainly(message string) error {
	return errors.New(strings.NewReplacer(`"`, "", `\`, "").Replace(message))
}

func kindOf(code int, s status, of Object) error {
	switch {
	case code == http.StatusNotFound && s.Details.Name == "" && of.Name != "":
		return ErrAnswer // the path is not known: that says nothing of the object
	case code == http.StatusNotFound:
		return ErrNotFound
	case code == http.StatusForbidden:
		return ErrForbidden
	case code == http.StatusUnauthorized:
		return ErrUnauthorized
	case code == http.StatusConflict:
		return ErrConflict
	case code == http.StatusGone, s.Reason == "Expired":
		return ErrGone
	case code == http.StatusTooManyRequests, code >= 500:
		return ErrBusy
	case code == http.StatusUnprocessableEntity, code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge:
		return ErrInvalid
	default:
		return ErrAnswer
	}
}
