//go:build !linux

package supervise

import (
	"os"
	"syscall"
)

func attributes(leads bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: leads} }

func (p *process) reap() (*os.ProcessState, error) {
	state, err := p.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	return state, err
}
