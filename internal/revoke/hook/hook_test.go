package hook

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/revoke"
	"github.com/livekey/livekey/internal/secret"
)

const canary = "sk-ant-api03-CANARYcanary0123456789AA"

func order() revoke.Order {
	return revoke.Order{
		Key: "K", Version: "11", Fingerprint: key.Fingerprint(strings.Repeat("ab", 32)), Value: secret.New([]byte(canary)),
		Others: []secret.Value{secret.New([]byte(canary))},
	}
}

func TestAProgramHearsWhichVersionIsMeantAndNoValue(t *testing.T) {
	file := filepath.Join(t.TempDir(), "heard")
	r, err := New([]string{"/bin/sh", "-c", `{ env; cat; echo "$@"; } >"$0"`, file})
	if err != nil {
		t.Fatal(err)
	}
	how, err := r.Revoke(t.Context(), order())
	if err != nil || how != "by /bin/sh" {
		t.Fatalf("%q, %v", how, err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	heard := string(b)
	for _, want := range []string{"LIVEKEY_KEY=K\n", "LIVEKEY_VERSION=11\n", "LIVEKEY_FINGERPRINT=abababababab\n"} {
		if !strings.Contains(heard, want) {
			t.Errorf("%q lacks %q", heard, want)
		}
	}
	if strings.Contains(heard, canary) {
		t.Error("the program has the value")
	}
}

func TestAProgramThatFailsHasRevokedNothing(t *testing.T) {
	r, err := New([]string{"/bin/sh", "-c", "echo no rights >&2; exit 3"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Revoke(t.Context(), order()); err == nil || !strings.Contains(err.Error(), "exit code 3: no rights") {
		t.Errorf("err %v", err)
	}
	if _, err := New([]string{"revoke"}); err == nil {
		t.Error("a program without a path is taken")
	}
}
