package envfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/livekey/livekey/internal/secret"
)

// kubernetes is what the kubelet reads for fileKeyRef (KEP-3721, pkg/kubelet/util/env; on by
// default since 1.35): every value stands in single quotes, and every byte between them, line
// feeds too, is the value. There is no escape, so none with a single quote can be carried.
// Its bufio.Scanner holds 64 KiB a line, and takes a carriage return before a line's end
// away. Kubernetes 1.34 has another grammar, in which quotes are a part of the value.
const kubernetesKey = 128 // the longest key of a fileKeyRef

func kubernetesCarries(variable string, value []byte) error {
	if err := environmentCarries(variable, value); err != nil {
		return err
	}
	switch at := indexByte(value, '\''); {
	case len(variable) > kubernetesKey:
		return fmt.Errorf("cannot be set: Kubernetes takes no variable over %d bytes from a file", kubernetesKey)
	case at >= 0:
		return fmt.Errorf("has a single quote at byte %d, which the kubelet's env files cannot hold: use a directory sink", at)
	case indexByte(value, '\r') >= 0:
		return fmt.Errorf("has a carriage return at byte %d, which the kubelet takes away at the end of a line: use a directory sink", indexByte(value, '\r'))
	}
	for line := range bytes.Lines(kubernetesWrite(nil, variable, value)) {
		if len(line)-1 > scannerLine {
			return errors.New("makes a line over 64 KiB, which the kubelet refuses to read: use a directory sink")
		}
	}
	return nil
}

func kubernetesWrite(to []byte, variable string, value []byte) []byte {
	return slices.Concat(to, []byte(variable), []byte("='"), value, []byte("'\n"))
}

func kubernetesParse(data []byte) ([]assignment, error) {
	return parseLines("kubernetes", data, kubernetesValue)
}

// kubernetesValue reads one value from the front of b, up to its line end.
func kubernetesValue(b []byte) (value secret.Value, rest []byte, reason string) {
	if len(b) == 0 || b[0] != '\'' {
		return secret.Value{}, nil, "the value is not in single quotes"
	}
	end := indexByte(b[1:], '\'')
	if end < 0 {
		return secret.Value{}, nil, "a quote is not closed"
	}
	inside, rest := b[1:1+end], b[end+2:]
	switch {
	case indexByte(inside, '\r') >= 0:
		return secret.Value{}, nil, "a value has a carriage return, which the kubelet takes away at the end of a line"
	case !utf8.Valid(inside):
		return secret.Value{}, nil, "it is not UTF-8"
	}
	for line := range bytes.Lines(inside) {
		if len(line) > scannerLine {
			return secret.Value{}, nil, "a line is over 64 KiB"
		}
	}
	return secret.New(bytes.Clone(inside)), rest, ""
}
