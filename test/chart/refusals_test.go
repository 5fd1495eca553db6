package chart

import (
	"strings"
	"testing"
)

// What would be found out in a log of a pod is said when it is installed.
func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	const keys = "config: {keys: {K: {from: \"file:///k\"}}}\n"
	for _, tt := range []struct{ rule, values, says string }{
		{"a config without keys", "config: {}", "keys"},
		{"a mode that there is not", keys + "mode: deamonset", "mode"},
		{"a misspelt value", keys + "replica: 3", "replica"},
		{"a misspelt section of the config", "config: {keys: {K: {}}, sink: {}}", "sink"},
		{"root", keys + "securityContext: {runAsUser: 0}", "runAsUser"},
		{"a digest that is none", keys + "image: {digest: latest}", "digest"},
		{"every Secret of a namespace", keys + "secrets: [{namespace: shop}]", "name"},
		{"Secrets by a pattern", keys + "secrets: [{name: \"llm-*\"}]", "secrets"},
		{"a Secret that may be neither read nor written", keys + "secrets: [{name: llm, read: false}]", "write"},
		{"a folder of the host that is none", keys + "mode: node\nnode: {hostPaths: [run]}", "hostPaths"},
		{
			"a key of a Secret that is not named", "config: {keys: {K: {from: \"kubernetes://shop/llm#k\"}}}",
			"config.keys.K needs the right to read the Secret shop/llm",
		},
		{
			"a key of a Secret in another namespace", "config: {keys: {K: {from: \"kubernetes://llm#k\"}}}\nsecrets: [{name: llm, namespace: shop}]",
			"read the Secret livekey/llm",
		},
		{
			"a part of a key, by a source with a name of its own",
			"config: {sources: {here: {kind: kubernetes}}, keys: {K: {from: {a: \"here://shop/llm#a\", b: \"here://shop/more#b\"}}}}\nsecrets: [{name: llm, namespace: shop}]",
			"read the Secret shop/more",
		},
		{
			"an annotation that may not be written",
			"config: {sources: {kubernetes: {annotate: true}}, keys: {K: {from: \"kubernetes://shop/llm#k\"}}}\nsecrets: [{name: llm, namespace: shop}]",
			"{name: llm, namespace: shop, annotate: true}",
		},
		{
			"a sink that may not be written",
			"config: {keys: {K: {}}, sinks: {s: {kind: kubernetes_secret, namespace: shop, name: llm-proved}}}\nsecrets: [{name: llm, namespace: shop}]",
			"{name: llm, namespace: shop, gate: true}",
		},
		{
			"a sidecar's Secrets without the account that may read them", keys + "mode: sidecar\nsecrets: [{name: llm}]",
			"serviceAccount.name is required",
		},
		{"a pod of no account", keys + "serviceAccount: {create: false}", "serviceAccount.name is required"},
	} {
		said := helm(t, false, "template", "livekey", chartDir, "--namespace", "livekey", "--values", write(t, "values.yaml", tt.values))
		if !strings.Contains(said, tt.says) {
			t.Errorf("%s: %q is not in\n%s", tt.rule, tt.says, said)
		}
	}
}
