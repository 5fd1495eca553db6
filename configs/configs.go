// Package configs holds example configs, the reference of every field, and the JSON
// Schema that editors complete and check configs with.
package configs

import _ "embed"

// Schema is the JSON Schema of a config, draft 2020-12. `go generate ./cmd/livekey` writes it.
//
//go:embed livekey.schema.json
var Schema []byte
