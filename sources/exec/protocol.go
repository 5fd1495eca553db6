package exec

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/command"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
	"github.com/livekey/livekey/sources"
)

// apiVersion is the version of the protocol, in requests and responses.
const apiVersion = "livekey.dev/v1"

// request is what a program reads: one JSON object and a newline.
func request(loc key.Location) []byte {
	params := sources.Params(loc)
	delete(params, sources.FormatParam) // says how livekey opens the record
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // a shell script may read it with sed
	err := e.Encode(struct {
		APIVersion string            `json:"apiVersion"`
		Path       string            `json:"path"`
		Version    key.Version       `json:"version,omitempty"`
		Params     map[string]string `json:"params,omitempty"`
	}{apiVersion, loc.Path, loc.Version, params})
	if err != nil {
		panic(err) // texts alone
	}
	return b.Bytes()
}

// response is what a program answers.
type response struct {
	value      secret.Value
	found      bool // whether there is a value
	version    key.Version
	created    time.Time
	expires    time.Time
	retryAfter time.Duration
	code       string // of the error; empty: none
	message    string // of the error, scrubbed
}

// respond makes a record, or an error, of how a program ended.
func respond(got command.Result, wanted key.Version) (sources.Record, error) {
	r, err := parse(got.Output.Reveal())
	switch {
	case err != nil && got.Exit != 0:
		return sources.Record{}, got.Failure()
	case err != nil:
		return sources.Record{}, fmt.Errorf("the program's answer is not what docs/exec.md says: %w", err)
	case r.code != "":
		return sources.Record{}, r.err()
	case got.Exit != 0: // a value and a failure: one of them is wrong
		return sources.Record{}, got.Failure()
	case wanted != "" && r.version != wanted:
		return sources.Record{}, fmt.Errorf("version %s was asked for, and the program answers with another one or does not say which", wanted)
	case r.value.Len() == 0:
		return sources.Record{}, fmt.Errorf("the value is empty: %w", key.ErrNotFound)
	}
	return sources.Record{Data: r.value, Version: r.version, Created: r.created, Expires: r.expires}, nil
}

// codeNotFound is the one code of an error that means something to livekey. The
// others are for people.
const codeNotFound = "not_found"

func (r response) err() error {
	err := errors.New(r.code)
	if r.code == codeNotFound {
		err = key.ErrNotFound
	}
	if r.message != "" {
		err = fmt.Errorf("the program says: %s: %w", r.message, err)
	} else {
		err = fmt.Errorf("the program says: %w", err)
	}
	if r.retryAfter > 0 && r.code != codeNotFound {
		return &sources.RetryError{After: r.retryAfter, Err: err}
	}
	return err
}

// parse reads a response strictly: a field that is unknown, said twice or written in
// another case is refused, because the answer may be half of what was meant.
// encoding/json would take all three, and replace in a value what it does not like.
// No error quotes the text.
func parse(text []byte) (response, error) {
	fields, err := object(text)
	if err != nil {
		return response{}, err
	}
	var r response
	for name, raw := range fields {
		if err := r.set(name, raw); err != nil {
			return response{}, err
		}
	}
	_, plain := fields["value"]
	_, coded := fields["valueBase64"]
	switch _, said := fields["apiVersion"]; {
	case !said:
		return response{}, errors.New(`"apiVersion": "` + apiVersion + `" is missing`)
	case plain && coded:
		return response{}, errors.New("value and valueBase64 exclude each other")
	case r.found && r.code != "":
		return response{}, errors.New("a value and an error exclude each other")
	case !r.found && r.code == "":
		return response{}, errors.New("there is neither a value nor an error")
	case r.value.Len() >= minTelling && bytes.Contains([]byte(r.version), r.value.Reveal()):
		return response{}, errors.New("version: the value is in it, and versions are shown to everybody; leave it out where there is none")
	}
	return r, nil
}

// minTelling is how long a value is, in bytes, that does not occur in a version by chance.
const minTelling = 8

// maxVersion is the longest version in bytes. It goes to logs, tables and the journal.
const maxVersion = 256

func version(raw json.RawMessage) (key.Version, error) {
	said, err := text(raw)
	if err == nil && (len(said) > maxVersion || strings.ContainsFunc(said, func(r rune) bool { return !unicode.IsGraphic(r) })) {
		err = fmt.Errorf("it is longer than %d bytes, or has characters that cannot be shown", maxVersion)
	}
	return key.Version(said), err
}

// set takes one field.
func (r *response) set(name string, raw json.RawMessage) (err error) {
	switch name {
	case "apiVersion":
		var said string
		if said, err = text(raw); err == nil && said != apiVersion {
			err = errors.New("it is not " + apiVersion)
		}
	case "value":
		var value string
		value, err = text(raw)
		r.value, r.found = secret.New([]byte(value)), true
	case "valueBase64":
		var coded string
		if coded, err = text(raw); err == nil {
			var value []byte
			if value, err = base64.StdEncoding.Strict().DecodeString(coded); err != nil {
				err = errors.New("it is not base64")
			}
			r.value, r.found = secret.New(value), true
		}
	case "version":
		r.version, err = version(raw)
	case "createdAt":
		r.created, err = moment(raw)
	case "expiresAt":
		r.expires, err = moment(raw)
	case "retryAfter":
		var seconds uint64
		if seconds, err = strconv.ParseUint(string(raw), 10, 32); err != nil {
			err = errors.New("it is not a number of seconds")
		}
		r.retryAfter = min(time.Duration(seconds)*time.Second, httpclient.MaxRetryAfter)
	case "error":
		err = r.setError(raw)
	default:
		return errUnknownField
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

var errUnknownField = errors.New("it has a field that is not in the protocol")

// setError takes the object under error: a code, and a message for people.
func (r *response) setError(raw json.RawMessage) error {
	fields, err := object(raw)
	if err != nil {
		return err
	}
	into := map[string]*string{"code": &r.code, "message": &r.message}
	for name, raw := range fields {
		if into[name] == nil {
			return errUnknownField
		}
		said, err := text(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*into[name] = secret.Scrub(errors.New(said)).Error()
	}
	if r.code == "" {
		return errors.New("code is missing, such as not_found or unavailable")
	}
	return nil
}

// object is the fields of one JSON object, with nothing after it. One that is
// null counts as left out.
func object(text []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("it is not UTF-8; bytes that are no text go into valueBase64")
	}
	if !json.Valid(text) || !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
		return nil, errors.New("it is not one JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	fields := map[string]json.RawMessage{}
	_, err := d.Token()
	for err == nil && d.More() {
		var name json.Token
		var raw json.RawMessage
		if name, err = d.Token(); err != nil {
			break
		}
		err = d.Decode(&raw)
		field, _ := name.(string)
		if _, twice := fields[field]; twice {
			return nil, errors.New("it says a field twice")
		}
		fields[field] = raw
	}
	maps.DeleteFunc(fields, func(_ string, raw json.RawMessage) bool { return string(raw) == "null" })
	if err != nil {
		return nil, errors.New("it is not one JSON object")
	}
	return fields, nil
}

// text is a JSON string that means the same bytes to everybody.
func text(raw json.RawMessage) (string, error) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", errors.New("it is not a string")
	}
	if halfSurrogate(raw) {
		return "", errors.New("it has half of a surrogate pair, which is no character; bytes that are no text go into valueBase64")
	}
	return s, nil
}

// halfSurrogate says whether a valid JSON string escapes one: Go would read U+FFFD.
func halfSurrogate(raw []byte) bool {
	for i := 0; i+1 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		first := hex(raw[i+1 : i+5])
		i += 4
		if !utf16.IsSurrogate(first) {
			continue
		}
		if i+6 >= len(raw) || raw[i+1] != '\\' || raw[i+2] != 'u' || utf16.DecodeRune(first, hex(raw[i+3:i+7])) == utf8.RuneError {
			return true
		}
		i += 6
	}
	return false
}

func hex(digits []byte) rune {
	n, _ := strconv.ParseUint(string(digits), 16, 16) // json.Valid has seen them
	return rune(n)
}

func moment(raw json.RawMessage) (time.Time, error) {
	said, err := text(raw)
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339, said)
	if err != nil {
		return time.Time{}, errors.New("it is not a time such as 2026-11-23T22:25:16Z")
	}
	return at.UTC(), nil
}
