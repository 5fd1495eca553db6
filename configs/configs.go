// Package configs holds example configs, the reference of every field, and the JSON
// Schema that editors complete and check configs with.
package configs

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
)

// Installed is the config that packages bring: it runs, and names no key yet.
//
//go:embed installed.yaml
var Installed []byte

// packed is livekey.schema.json.
//
//go:embed livekey.schema.json.gz
var packed []byte

// Schema is the JSON Schema of a config, draft 2020-12. `go generate ./cmd/livekey` writes it.
func Schema() ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
