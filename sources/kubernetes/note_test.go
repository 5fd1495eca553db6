package kubernetes_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/fakekube"
	"github.com/livekey/livekey/internal/kube"
	"github.com/livekey/livekey/sources"
	"github.com/livekey/livekey/sources/kubernetes"
)

func TestANoteIsAnAnnotationAndNothingElse(t *testing.T) {
	s := fakekube.New()
	address := serve(t, s)
	n := open(t, address, "annotate: true").(sources.Noter)
	if !n.Notes() || open(t, address).(sources.Noter).Notes() {
		t.Error("it is off unless said")
	}
	note := func(text string) error {
		return n.Note(t.Context(), at("llm"), func(before string) string { return strings.TrimPrefix(before+"+"+text, "+") })
	}
	if err := note("a"); err != nil {
		t.Fatal(err)
	}
	if _, there := s.Get("llm"); there {
		t.Error("it made a Secret")
	}
	s.Put("llm", map[string][]byte{"A": []byte("x")}, "kubectl")
	for _, text := range []string{"a", "b"} {
		if err := note(text); err != nil {
			t.Fatal(err)
		}
	}
	o, _ := s.Get("llm")
	if o.Annotations[kubernetes.Status] != "a+b" || string(o.Data["A"]) != "x" || len(o.Annotations) != 1 {
		t.Errorf("%v", o.Annotations)
	}
	if err := n.Note(t.Context(), at("llm"), func(before string) string { return before }); err != nil {
		t.Fatal(err)
	}
	if now, _ := s.Get("llm"); now.Version != o.Version {
		t.Error("the same note was written again")
	}
	// Deleted between the look and the write: it is not made anew, without its entries.
	err := n.Note(t.Context(), at("llm"), func(string) string { s.Delete("llm"); return "c" })
	if _, there := s.Get("llm"); there || !errors.Is(err, kube.ErrConflict) {
		t.Errorf("of a Secret that is gone: %v, made: %v", err, there)
	}
	s.Put("llm", nil, "kubectl")
	s.Forbid("patch", true)
	if err := note("d"); !errors.Is(err, kube.ErrForbidden) || !strings.Contains(err.Error(), "verbs: [patch]") {
		t.Errorf("without the right: %v", err)
	}
}
