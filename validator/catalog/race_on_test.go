//go:build race

package catalog

// slower is by how much the race detector slows this down.
const slower = 40
