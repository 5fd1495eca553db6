package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
)

var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// checkStatic says why a program would not start in an image that has nothing else.
func checkStatic(program []byte, arch string) error {
	want, known := machines[arch]
	if !known {
		return fmt.Errorf("architecture %q is none of %v", arch, sorted(machines))
	}
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return fmt.Errorf("not a program for Linux: %w", err)
	}
	if f.Machine != want {
		return fmt.Errorf("a program for %v, not for %s", f.Machine, arch)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("needs a dynamic loader, which the image has not: build with CGO_ENABLED=0")
		}
	}
	return nil
}
