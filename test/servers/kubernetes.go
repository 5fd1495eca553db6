package servers

import "github.com/livekey/livekey/test/need"

// KubernetesNeeds are what a cluster needs beside BuildKubernetes.
var KubernetesNeeds = []need.Thing{
	need.Linux, need.Root, need.Program("containerd"), need.Program("runc"), need.Program("nsenter"), need.Program("ip"),
}

// BuildKubernetes returns the path of test/servers/kubernetes: etcd, the API server, the
// controllers, the scheduler and the kubelet in one binary that goes by its name. Built
// first if the cache does not have it: about 6 minutes of two idle cores with an empty Go
// build cache.
func BuildKubernetes() (string, error) {
	return buildAt("kubernetes", "test", "servers", "kubernetes")
}

// BuildImagePacker returns the path of tools/image, which packs programs into an OCI image.
func BuildImagePacker() (string, error) { return buildAt("image", "tools", "image") }
