package holders

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/livekey/livekey/internal/key"
)

type sees Scan

func (s sees) Look(context.Context, Wanted) (Scan, error) { return Scan(s), nil }

func TestPodsHaveNamesWhereANodeTellsThem(t *testing.T) {
	const known, unknown = "3f2a8c1e-0d52-4a7e-9a43-1a2b3c4d5e6f", "00000000-0d52-4a7e-9a43-1a2b3c4d5e6f"
	logs := t.TempDir()
	for _, folder := range []string{"shop_api-7d9f_" + known, "a_b", "kube-system_x_../../etc", "Shop_api_" + unknown} {
		if err := os.MkdirAll(filepath.Join(logs, filepath.Base(folder)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	in := Scan{Sightings: []Sighting{{PID: 1, Pod: known}, {PID: 2, Pod: unknown}, {PID: 3, Unit: "app.service"}, {Path: "/a"}}}
	for name, test := range map[string]struct {
		own  string
		out  []string
		want []key.Consumer
	}{
		"on a node":                            {"", nil, []key.Consumer{"pod:shop/api-7d9f", "pod:" + unknown, "unit:app.service", ""}},
		"on a host that says a pod of its own": {"shop/web", nil, []key.Consumer{"pod:shop/api-7d9f", "pod:" + unknown, "unit:app.service", ""}},
		"inside of a pod":                      {"shop/web", []string{OutOfSight}, []key.Consumer{"pod:shop/web", "pod:shop/web", "pod:shop/web", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			seen := in
			seen.Sightings = append([]Sighting(nil), in.Sightings...)
			seen.Unseen = test.out
			got, err := Pods{Looker: sees(seen), Logs: logs, Own: test.own}.Look(t.Context(), Wanted{})
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range got.Sightings {
				if s.Consumer() != test.want[i] {
					t.Errorf("%d is %q, want %q", i, s.Consumer(), test.want[i])
				}
			}
		})
	}
}

func TestTheOwnPodIsSaidByBothNames(t *testing.T) {
	for want, env := range map[string]map[string]string{
		"shop/api": {"POD_NAMESPACE": "shop", "POD_NAME": "api"},
		"":         {"POD_NAMESPACE": "shop"},
	} {
		if got := OwnPod(func(name string) string { return env[name] }); got != want {
			t.Errorf("%v: %q, want %q", env, got, want)
		}
	}
	if got := OwnPod(func(string) string { return "" }); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
