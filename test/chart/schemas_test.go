package chart

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Where the schemas are: in the modules that define the API's kinds.
const (
	apiModule      = "k8s.io/kubernetes@v1.36.3"
	operatorModule = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
)

// writeSchemas makes one strict JSON Schema of each kind: Kubernetes' own, and the two of the
// Prometheus operator that the chart uses.
func writeSchemas(t *testing.T, dir string) {
	t.Helper()
	var api struct{ Definitions map[string]any }
	if err := json.Unmarshal([]byte(read(t, filepath.Join(module(t, apiModule), "api/openapi-spec/swagger.json"))), &api); err != nil {
		t.Fatal(err)
	}
	shared := map[string]any{}
	for name, definition := range api.Definitions {
		shared[name] = strict(definition)
	}
	writeJSON(t, filepath.Join(dir, "_definitions.json"), map[string]any{"definitions": shared})
	kinds := 0
	for name, definition := range api.Definitions {
		for _, of := range list(object(definition.(map[string]any))["x-kubernetes-group-version-kind"]) {
			o := object(of.(map[string]any))
			writeJSON(t, schemaFile(dir, text(o["group"]), text(o["version"]), text(o["kind"])), shared[name])
			kinds++
		}
	}
	if kinds < 100 {
		t.Fatalf("%d kinds found in %s", kinds, apiModule)
	}
	for _, plural := range []string{"servicemonitors", "prometheusrules"} {
		crd := decode(t, read(t, filepath.Join(module(t, operatorModule),
			"example/prometheus-operator-crd/monitoring.coreos.com_"+plural+".yaml")))[0]
		version := object(list(crd.at("spec", "versions"))[0].(map[string]any))
		schema := strict(version.at("schema", "openAPIV3Schema")).(map[string]any)
		schema["properties"].(map[string]any)["metadata"] = map[string]any{"type": "object"}
		writeJSON(t, schemaFile(dir, text(crd.at("spec", "group")), text(version["name"]), text(crd.at("spec", "names", "kind"))), schema)
	}
}

// strict says of a schema what the API server does: a field that it does not know is a fault.
func strict(schema any) any {
	switch s := schema.(type) {
	case map[string]any:
		if s["format"] == "int-or-string" || s["x-kubernetes-int-or-string"] == true {
			return map[string]any{"type": []string{"string", "integer"}}
		}
		out := map[string]any{}
		for name, v := range s {
			if strings.HasPrefix(name, "x-kubernetes") {
				continue
			}
			out[name] = strict(v)
		}
		if ref := text(s["$ref"]); ref != "" {
			out["$ref"] = strings.Replace(ref, "#/", "_definitions.json#/", 1)
		}
		if _, is := s["properties"].(map[string]any); is && s["additionalProperties"] == nil && s["x-kubernetes-preserve-unknown-fields"] != true {
			out["additionalProperties"] = false
		}
		return out
	case []any:
		out := make([]any, len(s))
		for i, v := range s {
			out[i] = strict(v)
		}
		return out
	}
	return schema
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// schemaFile is where kubeconform looks for a kind.
func schemaFile(dir, group, version, kind string) string {
	name := strings.ToLower(kind)
	if group, _, _ := strings.Cut(group, "."); group != "" {
		name += "-" + group
	}
	return filepath.Join(dir, name+"-"+version+".json")
}

func writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, string(b))
}

// module is the folder of a module's source.
func module(t *testing.T, at string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", at)
	cmd.Dir = t.TempDir() // of no module: livekey needs none of these
	out, err := cmd.Output()
	var said struct{ Dir, Error string }
	if json.Unmarshal(out, &said) != nil || said.Dir == "" {
		t.Fatalf("download %s: %v %s", at, err, said.Error)
	}
	return said.Dir
}
