package chart

import (
	"testing"

	"github.com/livekey/livekey/test/need"
	"github.com/livekey/livekey/test/servers"
)

var modes = []string{"cluster", "node", "sidecar"}

func TestHelmFindsNothingToSay(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		helm(t, true, "lint", "--strict", chartDir, "--values", ci(mode))
	}
}

// What the API server would refuse is refused here: a misspelt field, a number as a text.
func TestEveryObjectIsOneOfTheAPI(t *testing.T) {
	t.Parallel()
	need.All(t, "the chart's objects against the schemas of the API")
	kubeconform, err := servers.BuildKubeconform()
	if err != nil {
		t.Fatal(err)
	}
	schemas := t.TempDir()
	writeSchemas(t, schemas)
	conforms := func(ok bool, stream string) {
		t.Helper()
		run(t, ok, kubeconform, "-strict", "-schema-location", schemas+"/{{.ResourceKind}}{{.KindSuffix}}.json", write(t, "objects.yaml", stream))
	}
	conforms(false, "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {clusterIp: None}\n")
	conforms(false, "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: s}\nspec: {selector: {}, endpoints: [{prot: metrics}]}\n")
	for _, mode := range modes {
		conforms(true, template(t, "--values", ci(mode)))
	}
	conforms(true, app(t))
	for _, overlay := range overlays {
		conforms(true, kustomize(t, overlay))
	}
}
