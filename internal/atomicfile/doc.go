// Package atomicfile is the only writer of files.
package atomicfile
