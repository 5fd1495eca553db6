package chart

import (
	"strings"
	"testing"
)

// pods are the pod templates of every mode, the sidecar's beside an app.
func pods(t *testing.T) map[string]object {
	t.Helper()
	return map[string]object{
		"cluster": spec(only(t, render(t, "--values", ci("cluster")), "Deployment")),
		"node":    spec(only(t, render(t, "--values", ci("node")), "DaemonSet")),
		"sidecar": spec(only(t, decode(t, app(t)), "Deployment")),
	}
}

func spec(of object) object { return object(of.at("spec", "template", "spec").(map[string]any)) }

// livekey is its container in a pod.
func livekey(t *testing.T, pod object) object {
	t.Helper()
	for _, c := range append(list(pod["initContainers"]), list(pod["containers"])...) {
		if o := object(c.(map[string]any)); o["name"] == "livekey" {
			return o
		}
	}
	t.Fatalf("no container livekey in %v", pod)
	return nil
}

func TestEveryContainerIsWithoutRights(t *testing.T) {
	t.Parallel()
	for mode, pod := range pods(t) {
		same(t, mode, `{
			"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "allowPrivilegeEscalation": false,
			"readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}
		}`, livekey(t, pod)["securityContext"])
		for _, field := range []string{"hostNetwork", "hostPID", "hostIPC"} {
			if pod[field] != nil {
				t.Errorf("%s: %s is %v", mode, field, pod[field])
			}
		}
		for _, v := range list(pod["volumes"]) {
			volume := object(v.(map[string]any))
			if volume["hostPath"] != nil && mode != "node" {
				t.Errorf("%s: a folder of the host: %v", mode, volume)
			}
			if volume["name"] == "livekey-run" {
				same(t, mode, `{"medium": "Memory", "sizeLimit": "1Mi"}`, volume["emptyDir"])
			}
		}
	}
}

// A pod that is killed for an outage of somebody else delivers nothing to anybody.
func TestAPodLivesWhateverBackendsDo(t *testing.T) {
	t.Parallel()
	for mode, pod := range pods(t) {
		c := livekey(t, pod)
		if p := c.at("livenessProbe", "httpGet", "path"); p != "/live" {
			t.Errorf("%s lives by %v, want /live, which asks nobody", mode, p)
		}
		if p := c.at("readinessProbe", "httpGet", "path"); p != "/ready" {
			t.Errorf("%s is ready by %v", mode, p)
		}
		if sidecar := mode == "sidecar"; (c["lifecycle"] != nil) != sidecar || (c["restartPolicy"] == "Always") != sidecar {
			t.Errorf("%s starts by %v, restartPolicy %v", mode, c["lifecycle"], c["restartPolicy"])
		}
	}
	patient := livekey(t, spec(only(t, decode(t, app(t, "--set", "livekey.sidecar.hold=probe")), "Deployment")))
	if patient.at("startupProbe", "httpGet", "path") != "/ready" || patient["lifecycle"] != nil {
		t.Errorf("by a probe: %v, %v", patient["startupProbe"], patient["lifecycle"])
	}
}

// A token for the API server is there for who talks to it.
func TestAPodWithoutSecretsHasNoToken(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]bool{"cluster": true, "node": false} {
		if is := pods(t)[mode]["automountServiceAccountToken"]; is != want {
			t.Errorf("%s: automountServiceAccountToken: %v, want %v", mode, is, want)
		}
	}
	if is := only(t, render(t, "--values", ci("cluster")), "ServiceAccount")["automountServiceAccountToken"]; is != false {
		t.Errorf("the account gives its token to every pod: %v", is)
	}
}

func TestAChangedConfigStartsThePodsAnew(t *testing.T) {
	t.Parallel()
	sum := func(args ...string) any {
		d := only(t, render(t, append([]string{"--values", ci("cluster")}, args...)...), "Deployment")
		return d.at("spec", "template", "metadata", "annotations", "checksum/config")
	}
	if a, b := sum(), sum("--set", "config.policy.probe=20m"); a == b || a == nil {
		t.Errorf("%v before, %v after", a, b)
	}
}

// What the values say goes over what the chart says; its port is everywhere.
func TestTheConfigMayHaveAnotherPort(t *testing.T) {
	t.Parallel()
	objects := render(t, "--values", ci("cluster"), "--set", "config.metrics=[::]:9999")
	config := text(only(t, objects, "ConfigMap").at("data", "livekey.yaml"))
	if !strings.Contains(config, "metrics: '[::]:9999'") {
		t.Errorf("the config is\n%s", config)
	}
	same(t, "the container's port", `[{"name": "metrics", "containerPort": 9999}]`, livekey(t, spec(only(t, objects, "Deployment")))["ports"])
	same(t, "the service's port", `[{"name": "metrics", "port": 9999, "targetPort": "metrics"}]`, only(t, objects, "Service").at("spec", "ports"))
}

func TestNothingGoesInButQuestionsForMetrics(t *testing.T) {
	t.Parallel()
	policy := only(t, render(t, "--values", ci("node")), "NetworkPolicy") // it asks nothing of the API server
	same(t, "types", `["Ingress", "Egress"]`, policy.at("spec", "policyTypes"))
	same(t, "ingress", `[{"ports": [{"port": "metrics", "protocol": "TCP"}]}]`, policy.at("spec", "ingress"))
	same(t, "egress", `[
		{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
		 "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}]},
		{"ports": [{"port": 443, "protocol": "TCP"}],
		 "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}, {"ipBlock": {"cidr": "::/0", "except": ["fe80::/10"]}}]},
		{"ports": [{"port": 8200, "protocol": "TCP"}]}]`, policy.at("spec", "egress"))
	policy = only(t, render(t, "--values", ci("cluster")), "NetworkPolicy")
	same(t, "egress to the API server", `{"ports": [{"port": 443, "protocol": "TCP"}, {"port": 6443, "protocol": "TCP"}]}`, list(policy.at("spec", "egress"))[1])
}
