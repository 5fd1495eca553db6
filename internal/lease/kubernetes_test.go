package lease_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakekube"
	"github.com/livekey/livekey/internal/httpclient"
	"github.com/livekey/livekey/internal/kube"
	"github.com/livekey/livekey/internal/lease"
)

func open(t *testing.T) (*fakekube.Server, *lease.Kubernetes) {
	t.Helper()
	s := fakekube.New()
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	client := kube.New(kube.Config{API: h.URL}, &httpclient.Factory{})
	return s, &lease.Kubernetes{Client: client, Namespace: fakekube.Namespace, Name: "livekey"}
}

func TestALeaseIsMadeReplacedAndKeepsItsMetadata(t *testing.T) {
	s, lock := open(t)
	if _, err := lock.Read(t.Context()); !errors.Is(err, lease.ErrNone) {
		t.Fatalf("%v, want none", err)
	}
	at := time.Date(2026, 11, 24, 1, 2, 3, 4000, time.UTC)
	r := lease.Record{Spec: lease.Spec{Holder: "a", Duration: lease.Duration, Acquired: at, Renewed: at, Transitions: 3}}
	made, err := lock.Write(t.Context(), r)
	if err != nil || made.Spec != r.Spec || made.Version == "" || made.UID == "" {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := lock.Write(t.Context(), r); !errors.Is(err, lease.ErrChanged) {
		t.Errorf("made twice: %v", err)
	}
	s.Plain("leases", "livekey")["metadata"].(map[string]any)["labels"] = map[string]any{"team": "a"}
	read, err := lock.Read(t.Context())
	if err != nil || read.Spec != r.Spec || read.Version != made.Version {
		t.Fatalf("%+v, %v", read, err)
	}
	read.Renewed = at.Add(time.Second)
	if _, err = lock.Write(t.Context(), read); err != nil {
		t.Fatal(err)
	}
	if _, err = lock.Write(t.Context(), read); !errors.Is(err, lease.ErrChanged) {
		t.Errorf("from an old version: %v", err)
	}
	got := s.Plain("leases", "livekey")
	want := map[string]any{
		"holderIdentity": "a", "leaseDurationSeconds": 15.0, "leaseTransitions": 3.0,
		"acquireTime": "2026-11-24T01:02:03.000004Z", "renewTime": "2026-11-24T01:02:04.000004Z",
	}
	if !reflect.DeepEqual(got["spec"], want) || got["metadata"].(map[string]any)["labels"] == nil {
		t.Errorf("%v", got)
	}
	s.Forbid("update", true)
	if _, err := lock.Write(t.Context(), read); !errors.Is(err, kube.ErrForbidden) || errors.Is(err, lease.ErrChanged) {
		t.Errorf("without the right: %v", err)
	}
}

func TestALeaseIsHeldAndGivenBack(t *testing.T) {
	s, lock := open(t)
	ctx, end := context.WithCancel(t.Context())
	e := lease.New(lock, "pod-1", slog.New(slog.DiscardHandler), nil)
	err := e.Run(ctx, func(ctx context.Context, _ lease.Term) error {
		if held, err := lock.Read(ctx); err != nil || held.Holder != "pod-1" {
			t.Errorf("%+v, %v", held, err)
		}
		end()
		<-ctx.Done()
		return nil
	})
	r, errRead := lock.Read(t.Context())
	if err != nil || errRead != nil || r.Holder != "" || s.Plain("leases", "livekey") == nil {
		t.Errorf("after the end %+v, %v, %v", r, err, errRead)
	}
}
