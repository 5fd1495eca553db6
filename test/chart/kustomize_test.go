package chart

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/livekey/livekey/test/need"
	"github.com/livekey/livekey/test/servers"
)

var overlays = []string{"cluster", "sidecar"}

// madeOf says where each object of the chart goes; the rest of deploy/kustomize is written by hand.
var madeOf = map[string]string{
	"Deployment/livekey": "base", "ServiceAccount/livekey": "base", "Service/livekey": "base", "NetworkPolicy/livekey": "base",
	"PodDisruptionBudget/livekey": "base", "Lease/livekey": "base", "Role/livekey-lease": "base", "RoleBinding/livekey-lease": "base",
	// Of which Secrets is a matter of the config, so both are the overlay's.
	"Role/livekey": "overlays/cluster", "RoleBinding/livekey": "overlays/cluster",
	// For Prometheus' operator, where there is one.
	"ServiceMonitor/livekey": "components/monitoring", "PrometheusRule/livekey": "components/monitoring",
}

// The kustomizations say nothing of their own: their objects are the chart's, without what helm alone needs.
func TestTheKustomizationsAreMadeOfTheChart(t *testing.T) {
	t.Parallel()
	files := map[string][]object{}
	for _, o := range render(t, "--values", ci("cluster")) {
		place := o.kind() + "/" + o.name()
		if place == "ConfigMap/livekey-config" { // a configMapGenerator makes it, with a name that starts pods anew
			made(t, kustomizeDir+"/overlays/cluster/livekey.yaml", text(o.at("data", "livekey.yaml")))
			continue
		}
		folder := madeOf[place]
		if folder == "" {
			t.Fatalf("nobody said where %s goes", place)
		}
		plain(o)
		file := folder + "/" + strings.ToLower(o.kind()) + ".yaml"
		if strings.Contains(o.name(), "lease") || o.kind() == "Lease" {
			file = folder + "/lease.yaml"
		}
		files[file] = append(files[file], o)
	}
	files["components/sidecar/patch.yaml"] = []object{sidecarPatch(t)}

	for _, file := range slices.Sorted(maps.Keys(files)) {
		made(t, filepath.Join(kustomizeDir, file), "# Made of deploy/helm by test/chart.\n"+encode(t, files[file]))
	}
}

// kustomize reads nothing outside of its own folders.
func TestTheSidecarsConfigIsTheProfile(t *testing.T) {
	t.Parallel()
	made(t, kustomizeDir+"/overlays/sidecar/livekey.yaml", read(t, "../../configs/sidecar.yaml"))
}

// plain takes away what helm puts on an object for itself.
func plain(o object) {
	for _, meta := range []any{o["metadata"], o.at("spec", "template", "metadata")} {
		m, ok := meta.(map[string]any)
		if !ok {
			continue
		}
		for _, field := range []string{"labels", "annotations"} {
			if all, ok := m[field].(map[string]any); ok {
				for _, name := range []string{"helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/version", "checksum/config"} {
					delete(all, name)
				}
			}
		}
	}
}

// sidecarPatch is what an app's Deployment gets: the chart's sidecar, without the app and its Secret.
func sidecarPatch(t *testing.T) object {
	t.Helper()
	pod := spec(only(t, decode(t, app(t, "--set-json", "livekey.volumes=[]", "--set-json", "livekey.volumeMounts=[]")), "Deployment"))
	for _, v := range list(pod["volumes"]) {
		if volume := v.(map[string]any); volume["name"] == "livekey-config" {
			volume["configMap"] = map[string]any{"name": "livekey-config"} // what the overlay calls it
		}
	}
	return object{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "any"},
		"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
			"securityContext": pod["securityContext"], "initContainers": pod["initContainers"], "volumes": pod["volumes"],
		}}},
	}
}

func encode(t *testing.T, objects []object) string {
	t.Helper()
	var out strings.Builder
	for i, o := range objects {
		if i > 0 {
			out.WriteString("---\n")
		}
		e := yaml.NewEncoder(&out)
		e.SetIndent(2)
		if err := e.Encode(map[string]any(o)); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// app renders the chart of an app that has livekey as a dependency.
func app(t *testing.T, args ...string) string {
	t.Helper()
	need.All(t, "the sidecar of the chart")
	dir := t.TempDir()
	if err := App(dir); err != nil {
		t.Fatal(err)
	}
	values := "livekey:\n  " + strings.ReplaceAll(read(t, ci("sidecar")), "\n", "\n  ")
	args = append([]string{"template", "app", dir, "--namespace", "shop", "--values", write(t, "values.yaml", values)}, args...)
	return helm(t, true, args...)
}

// kustomize builds an overlay.
func kustomize(t *testing.T, overlay string) string {
	t.Helper()
	need.All(t, "the kustomizations in deploy/kustomize")
	path, err := servers.BuildKustomize()
	if err != nil {
		t.Fatal(err)
	}
	return run(t, true, path, "build", filepath.Join(kustomizeDir, "overlays", overlay))
}

// What comes out of an overlay is what comes out of the chart.
func TestAnOverlayIsTheChart(t *testing.T) {
	t.Parallel()
	built := decode(t, kustomize(t, "cluster"))
	config := only(t, built, "ConfigMap")
	for _, o := range render(t, "--values", ci("cluster")) {
		plain(o)
		twin := find(built, o)
		switch {
		case o.kind() == "ConfigMap":
			same(t, "the config", fmt.Sprintf("%q", text(o.at("data", "livekey.yaml"))), config.at("data", "livekey.yaml"))
		case twin == nil:
			t.Errorf("the overlay has no %s %s", o.kind(), o.name())
		case o.kind() == "Deployment":
			if is := livekey(t, spec(twin))["image"]; is != livekey(t, spec(o))["image"] {
				t.Errorf("the image is %v", is)
			}
			if name := list(spec(twin)["volumes"])[0].(map[string]any)["configMap"].(map[string]any)["name"]; name != config.name() || name == "livekey-config" {
				t.Errorf("the pod mounts the config %v, which is called %s", name, config.name())
			}
		default:
			same(t, o.kind()+" "+o.name(), asJSON(t, o), map[string]any(twin))
		}
	}
}

// The app's own container and volumes stay, livekey comes before them.
func TestTheSidecarComesToAnApp(t *testing.T) {
	t.Parallel()
	built := decode(t, kustomize(t, "sidecar"))
	pod := spec(only(t, built, "Deployment"))
	if first := object(list(pod["initContainers"])[0].(map[string]any)); first["name"] != "livekey" || first["restartPolicy"] != "Always" {
		t.Errorf("the first container is %v", first)
	}
	if c := object(list(pod["containers"])[0].(map[string]any)); c["name"] != "app" {
		t.Errorf("the app is %v", c)
	}
	config := only(t, built, "ConfigMap")
	if text(config.at("data", "livekey.yaml")) != read(t, "../../configs/sidecar.yaml") {
		t.Error("the config is not configs/sidecar.yaml")
	}
	mounted := false
	for _, v := range list(pod["volumes"]) {
		mounted = mounted || object(v.(map[string]any)).at("configMap", "name") == config.name()
	}
	if !mounted {
		t.Errorf("no volume has the config %s: %v", config.name(), pod["volumes"])
	}
}

// find is the object that is called as like is.
func find(objects []object, like object) object {
	for _, o := range objects {
		if o.kind() == like.kind() && o.name() == like.name() && o.at("metadata", "namespace") == like.at("metadata", "namespace") {
			return o
		}
	}
	return nil
}
