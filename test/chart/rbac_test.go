package chart

import (
	"encoding/json"
	"slices"
	"testing"
)

// The whole of what livekey may do, for Secrets of two namespaces: a right more is a failure here.
func TestLivekeyMayTouchNothingThatIsNotNamed(t *testing.T) {
	t.Parallel()
	objects := render(t, "--values", write(t, "values.yaml", `
secrets:
  - {name: llm, namespace: shop, gate: true}
  - {name: mail, namespace: shop}
  - {name: made, namespace: shop, read: false, write: true}
  - {name: own, annotate: true}
config:
  keys: {K: {from: "kubernetes://shop/llm#k"}}
  alerts: {kubernetes_events: {}}
`))
	want := map[string]string{
		"shop/livekey": `[
			{"apiGroups":[""],"resourceNames":["llm","mail"],"resources":["secrets"],"verbs":["get","watch"]},
			{"apiGroups":[""],"resourceNames":["llm-proved","made"],"resources":["secrets"],"verbs":["get","create","patch"]},
			{"apiGroups":[""],"resources":["events"],"verbs":["get","create","update"]}]`,
		"livekey/livekey": `[
			{"apiGroups":[""],"resourceNames":["own"],"resources":["secrets"],"verbs":["get","watch"]},
			{"apiGroups":[""],"resourceNames":["own"],"resources":["secrets"],"verbs":["patch"]},
			{"apiGroups":[""],"resources":["events"],"verbs":["get","create","update"]}]`,
		"livekey/livekey-lease": `[
			{"apiGroups":["coordination.k8s.io"],"resourceNames":["livekey"],"resources":["leases"],"verbs":["get","update"]}]`,
	}
	account := only(t, objects, "ServiceAccount")
	bound := map[string]bool{}
	for _, o := range objects {
		place := text(o.at("metadata", "namespace")) + "/" + o.name()
		switch o.kind() {
		case "ClusterRole", "ClusterRoleBinding":
			t.Errorf("%s %s: a right over the whole cluster", o.kind(), o.name())
		case "Role":
			same(t, place, want[place], o["rules"])
			delete(want, place)
		case "RoleBinding":
			bound[place] = true
			same(t, place, `{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"`+o.name()+`"}`, o["roleRef"])
			same(t, place, `[{"kind":"ServiceAccount","name":"`+account.name()+`","namespace":"livekey"}]`, o["subjects"])
		}
	}
	if len(want) > 0 || len(bound) != 3 {
		t.Errorf("roles that are missing: %v; bound: %v", want, bound)
	}
}

// Without a channel that makes Events there is no right to make them, without Secrets none at all.
func TestARightIsGivenForAReason(t *testing.T) {
	t.Parallel()
	objects := render(t, "--set-json", `config={"keys":{"K":{"from":"file:///k"}}}`, "--set-json", `secrets=[{"name":"llm"}]`)
	rules := list(role(t, objects, "livekey")["rules"])
	if len(rules) != 1 {
		t.Errorf("rules for one Secret that is read: %v", rules)
	}
	objects = render(t, "--set-json", `config={"keys":{"K":{"from":"file:///k"}},"alerts":{"cluster":{"kind":"kubernetes_events"}}}`)
	same(t, "rules for Events on the pod", `[{"apiGroups":[""],"resources":["events"],"verbs":["get","create","update"]}]`, role(t, objects, "livekey")["rules"])
	for _, o := range render(t, "--values", ci("node")) {
		if slices.Contains([]string{"Role", "RoleBinding"}, o.kind()) {
			t.Errorf("%s %s for a config that asks nothing of the API server", o.kind(), o.name())
		}
	}
}

func role(t *testing.T, objects []object, name string) object {
	t.Helper()
	for _, o := range objects {
		if o.kind() == "Role" && o.name() == name {
			return o
		}
	}
	t.Fatalf("no role %s", name)
	return nil
}

// same compares with JSON, in any order of fields.
func same(t *testing.T, what, want string, is any) {
	t.Helper()
	var decoded any
	if want != "" {
		if err := json.Unmarshal([]byte(want), &decoded); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := asJSON(t, decoded), asJSON(t, is); a != b {
		t.Errorf("%s is\n%s\nwant\n%s", what, b, a)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
