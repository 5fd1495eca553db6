package lease

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/livekey/livekey/internal/kube"
)

const (
	group  = "coordination.k8s.io/v1"
	micros = "2006-01-02T15:04:05.000000Z07:00"
)

// Kubernetes is a Lease of a cluster, as client-go's leader election keeps it.
type Kubernetes struct {
	Client          *kube.Client
	Namespace, Name string
}

// object is a Lease of the API. Of its metadata nothing gets lost.
type object struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Metadata   json.RawMessage `json:"metadata"`
	Spec       struct {
		Holder      string `json:"holderIdentity,omitempty"`
		Seconds     int    `json:"leaseDurationSeconds,omitempty"`
		Acquired    string `json:"acquireTime,omitempty"`
		Renewed     string `json:"renewTime,omitempty"`
		Transitions int    `json:"leaseTransitions"`
	} `json:"spec"`
}

func (k *Kubernetes) collection() string {
	return "/apis/" + group + "/namespaces/" + k.Namespace + "/leases"
}

func (k *Kubernetes) String() string { return k.Namespace + "/" + k.Name }

// Read gets the Lease.
func (k *Kubernetes) Read(ctx context.Context) (Record, error) {
	var o object
	err := k.Client.Get(ctx, k.collection()+"/"+k.Name, &o)
	if errors.Is(err, kube.ErrNotFound) {
		return Record{}, fmt.Errorf("%w: %w", ErrNone, err)
	}
	if err != nil {
		return Record{}, err
	}
	return o.record()
}

// Write makes the Lease, or replaces the one of r's Version.
func (k *Kubernetes) Write(ctx context.Context, r Record) (Record, error) {
	o := object{APIVersion: group, Kind: "Lease", Metadata: r.metadata}
	o.Spec.Holder, o.Spec.Transitions = r.Holder, r.Transitions
	o.Spec.Seconds = max(1, int(r.Duration/time.Second))
	o.Spec.Acquired, o.Spec.Renewed = r.Acquired.UTC().Format(micros), r.Renewed.UTC().Format(micros)
	var got object
	var err error
	if r.Version == "" {
		if o.Metadata, err = json.Marshal(map[string]string{"name": k.Name, "namespace": k.Namespace}); err != nil {
			return Record{}, err
		}
		err = k.Client.Create(ctx, k.collection(), o, &got)
	} else {
		err = k.Client.Update(ctx, k.collection()+"/"+k.Name, o, &got)
	}
	switch {
	case errors.Is(err, kube.ErrConflict), r.Version != "" && errors.Is(err, kube.ErrNotFound):
		return Record{}, fmt.Errorf("%w: %w", ErrChanged, err)
	case err != nil:
		return Record{}, err
	}
	return got.record()
}

func (o object) record() (Record, error) {
	var meta kube.Metadata
	if err := json.Unmarshal(o.Metadata, &meta); err != nil || meta.ResourceVersion == "" {
		return Record{}, fmt.Errorf("%w: a Lease without a version", kube.ErrAnswer)
	}
	return Record{
		UID: meta.UID, Version: meta.ResourceVersion, metadata: bytes.Clone(o.Metadata),
		Spec: Spec{
			Holder: o.Spec.Holder, Transitions: o.Spec.Transitions,
			Duration: time.Duration(min(max(o.Spec.Seconds, 0), math.MaxInt32)) * time.Second,
			Acquired: when(o.Spec.Acquired), Renewed: when(o.Spec.Renewed),
		},
	}, nil
}

// when reads a time that is for people: what is none says nothing.
func when(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
