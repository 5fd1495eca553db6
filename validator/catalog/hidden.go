package catalog

import (
	"bytes"
	"net/url"
)

// hidden is what of a value an issuer may not hand back to be shown: all of it. Of a DSN
// it is the password, as it is written and as it is meant: user and database are what
// the server is asked for.
func (p *Provider) hidden(value []byte) [][]byte {
	_, rest, is := bytes.Cut(value, []byte("://"))
	if p.file.Speak == "" || !is {
		return [][]byte{value}
	}
	authority, _, _ := bytes.Cut(rest, []byte("/"))
	at := bytes.LastIndexByte(authority, '@')
	_, password, is := bytes.Cut(authority[:max(at, 0)], []byte(":"))
	if !is {
		return [][]byte{value}
	}
	meant, err := url.PathUnescape(string(password))
	if err != nil {
		return [][]byte{value}
	}
	return [][]byte{password, []byte(meant)}
}
