package catalog

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/livekey/livekey/internal/key"
)

// place is where a call has the credential, or one part of it.
type place struct {
	Header string  `yaml:"header"` // the whole of it, after a text
	After  string  `yaml:"after"`
	Basic  string  `yaml:"basic"`  // "user:password" of Authorization, with {{value}} for one of them
	Query  string  `yaml:"query"`  // this parameter
	Path   string  `yaml:"path"`   // behind this text, to the next slash
	Before string  `yaml:"before"` // of a path: to this text
	Form   string  `yaml:"form"`   // this field of the body
	JSON   string  `yaml:"json"`   // JSON pointer into the body
	Part   string  `yaml:"part"`   // which part, the first if left out
	And    []place `yaml:"and"`    // further places
}

// all are the places, the first one first; none, if the file says none.
func (p *place) all() []place {
	if p.empty() {
		return nil
	}
	return append([]place{*p}, p.And...)
}

func (p *place) empty() bool {
	return p.Header+p.Basic+p.Query+p.Path+p.Form+p.JSON == ""
}

// read returns what a call has in this place, "" if nothing.
func (p *place) read(r *http.Request, body []byte) string {
	switch {
	case p.Basic != "":
		return p.readBasic(r)
	case p.Header != "":
		v, _ := strings.CutPrefix(r.Header.Get(p.Header), p.After)
		return v
	case p.Query != "":
		return r.URL.Query().Get(p.Query)
	case p.Path != "":
		_, after, _ := strings.Cut(r.URL.EscapedPath(), p.Path)
		step, _, _ := strings.Cut(after, cmp.Or(p.Before, "/"))
		v, _ := url.PathUnescape(step)
		return v
	case p.Form != "":
		fields, _ := url.ParseQuery(string(body))
		return fields.Get(p.Form)
	case p.JSON != "":
		var v any
		_ = json.Unmarshal(body, &v)
		return textOf(lookup(v, p.JSON))
	}
	return ""
}

// readBasic tells which side the credential is on, and wants the literal text of the
// other.
func (p *place) readBasic(r *http.Request) string {
	user, password, ok := r.BasicAuth()
	wantUser, wantPassword, _ := strings.Cut(p.Basic, ":")
	mine := "{{value}}"
	if p.Part != "" {
		mine = "{{" + p.Part + "}}"
	}
	other := func(want, got string) bool { return strings.HasPrefix(want, "{{") || want == got }
	switch {
	case ok && wantUser == mine && other(wantPassword, password):
		return user
	case ok && wantPassword == mine && other(wantUser, user):
		return password
	}
	return ""
}

// everything is a call as one text, without the escapes of URLs, forms, JSON and
// Authorization: what a value is looked for in.
func everything(r *http.Request, body []byte) string {
	var b bytes.Buffer
	b.WriteString(r.URL.Path + "\n" + r.URL.RawQuery + "\n")
	for name, values := range r.Header {
		text := strings.Join(values, "\n")
		if basic, ok := strings.CutPrefix(text, "Basic "); ok && name == "Authorization" {
			plain, _ := base64.StdEncoding.DecodeString(basic)
			text = string(plain)
		}
		b.WriteString(text + "\n")
	}
	b.Write(body)
	return b.String()
}

// filled is text with the parts of a key in the place of their names, escaped as where
// they stand is.
func filled(text string, parts map[key.Part]string, escape func(string) string) string {
	for name, value := range parts {
		text = strings.ReplaceAll(text, "{{"+string(name)+"}}", escape(value))
	}
	return text
}

// filledURL is filled for a method and an URL.
func filledURL(text string, parts map[key.Part]string) string {
	path, query, asked := strings.Cut(text, "?")
	path = filled(path, parts, url.PathEscape)
	if !asked {
		return path
	}
	return path + "?" + filled(query, parts, url.QueryEscape)
}
