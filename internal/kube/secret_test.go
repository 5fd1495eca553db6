package kube_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/kube"
)

// kubectl apply keeps all entries in an annotation, in base64.
func TestWhatKubectlAppliedIsNoAnnotation(t *testing.T) {
	const text = `{"metadata":{"name":"llm","resourceVersion":"1","annotations":{"a":"b",` +
		`"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"A\":\"Y2FuYXJ5\"}}"}}}`
	var s kube.Secret
	if err := json.Unmarshal([]byte(text), &s); err != nil || s.Metadata.Annotations["a"] != "b" {
		t.Errorf("%v, %v", s.Metadata, err)
	}
	if got := fmt.Sprintf("%+v", s); strings.Contains(got, "Y2FuYXJ5") {
		t.Error(got)
	}
}

// Whoever stands before the API and says 200 does not make a Secret empty.
func TestAnotherAnswerIsNoSecretWithoutEntries(t *testing.T) {
	for _, answer := range []string{`{}`, `null`, `{"kind":"Status","status":"Success"}`, `{"metadata":{"name":"llm"}}`, `[]`} {
		h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
		_, err := get(t, kube.New(kube.Config{API: h.URL}, &httpclient.Factory{}))
		h.Close()
		if !errors.Is(err, kube.ErrAnswer) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}
