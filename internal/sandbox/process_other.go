//go:build !linux

package sandbox

import "errors"

const (
	capChown = iota
	capFowner
	capDACOverride
	capKill
	capNetBindService
)

// A Process is a livekey that runs.
type Process struct{ PID int }

// Of is for Linux alone.
func Of(int) (Process, error) { return Process{}, errors.ErrUnsupported }

func (Process) root() bool             { return false }
func (Process) without(...int) string  { return "" }
func (Process) outside(string) string  { return "" }
func (Process) readOnly(string) string { return "" }
func (Process) hidden(string) string   { return "" }
