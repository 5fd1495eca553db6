//go:build linux

package kubernetes

import (
	"os"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/fakeissuer"
)

// What a page shows is what people use, so it is a pod here, with the config that it names. Only
// what depends on a cluster is edited: names, images, ports, and where the issuers are.
func TestThePodOfThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "the pod of docs/sidecar.md, with configs/sidecar.yaml, delivers its keys")
	_, rest, _ := strings.Cut(read(t, "../../docs/sidecar.md"), "```yaml\n")
	manifest, _, _ := strings.Cut(rest, "```")
	manifest = edited(t, manifest,
		"name: app}\nspec:\n", "name: $NAME}\nspec:\n  hostNetwork: true\n",
		"image: ghcr.io/livekey/livekey:0.1.0\n", "image: localhost/livekey:dev\n      imagePullPolicy: Never\n",
		"image: example.com/app:1.0\n", "image: localhost/app:dev\n      imagePullPolicy: Never\n      args: [-file, /run/livekey/keys]\n",
		"configMap: {name: livekey}", "configMap: {name: $NAME}",
		"secretName: llm", "secretName: $NAME",
		"port: 9474", "port: $PORT")
	sidecar := edited(t, read(t, "../../configs/sidecar.yaml"),
		"    provider: anthropic\n", "    provider: anthropic\n    base_url: $ISSUER\n",
		"    provider: openai\n", "    provider: openai\n    base_url: $ISSUER\n",
		"0.0.0.0:9474", "0.0.0.0:$PORT")

	anthropic, openai := w.newKey(), fakeissuer.NewOpenAIKey()
	w.issuer.Add(openai, account)
	p := w.pod(manifest, sidecar, map[string]string{"anthropic": anthropic, "openai": openai})
	w.until("the app has both keys", func() error {
		for _, s := range p.said() {
			if s.Keys["ANTHROPIC_API_KEY"] == fingerprint(anthropic) && s.Keys["OPENAI_API_KEY"] == fingerprint(openai) {
				return nil
			}
		}
		return unless(false, "it said %+v", p.said())
	})
	w.until("the sidecar is ready", p.ready)
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
