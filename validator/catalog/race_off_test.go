//go:build !race

package catalog

// slower is by how much a busy machine may slow this down.
const slower = 4
