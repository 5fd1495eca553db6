// Package configs holds example configs, the reference of every field, and the JSON
// Schema that editors complete and check configs with.
package configs

import _ "embed"

// Installed is the config that packages bring: it runs, and names no key yet.
//
//go:embed installed.yaml
var Installed []byte

// Schema is the JSON Schema of a config, draft 2020-12. `go generate ./cmd/livekey` writes it.
//
//go:embed livekey.schema.json
var Schema []byte
