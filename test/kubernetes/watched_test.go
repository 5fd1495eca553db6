//go:build linux

package kubernetes

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/test/kubernetes/cluster"
)

// A watched pod's sidecar reads its Secret from the API server, as the pod's service account.
// A command holds its app back, which is quicker than a probe that asks once a second.
const (
	hookLine  = "      lifecycle: {postStart: {exec: {command: [/livekey, wait, --timeout, 30s, --config, /etc/livekey/livekey.yaml]}}}\n"
	mountLine = "        - {name: keys, mountPath: /etc/keys, readOnly: true}\n"
	fromFile  = `"file://anthropic"`
	fromAPI   = `"kubernetes://$NAME#anthropic"`
)

// watched creates a pod whose sidecar reads its Secret, with the verbs that its role has.
func (w *world) watched(value string, verbs ...string) *pod {
	w.t.Helper()
	p := w.reserve()
	if len(verbs) > 0 {
		p.allow(verbs...)
	}
	p.create(
		edited(w.t, podManifest, startupLine, hookLine, mountLine, "", "automountServiceAccountToken: false", "automountServiceAccountToken: true"),
		edited(w.t, config, fromFile, fromAPI), map[string]string{secretField: value})
	return p
}

// allow gives the pod's service account verbs on the pod's Secret.
func (p *pod) allow(verbs ...string) {
	p.t.Helper()
	p.allowOn(p.name, verbs...)
}

// allowOn gives it verbs on one Secret, and on nothing else.
func (p *pod) allowOn(secret string, verbs ...string) {
	p.t.Helper()
	rbac := "/apis/rbac.authorization.k8s.io/v1/namespaces/" + p.space
	p.Must(p.t, http.MethodPost, rbac+"/roles", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: "+secret+"}\n"+
		"rules: [{apiGroups: [\"\"], resources: [secrets], resourceNames: ["+secret+"], verbs: ["+strings.Join(verbs, ", ")+"]}]\n")
	p.Must(p.t, http.MethodPost, rbac+"/rolebindings", "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: "+secret+"}\n"+
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: "+secret+"}\n"+
		"subjects: [{kind: ServiceAccount, name: default, namespace: "+p.space+"}]\n")
}

func TestRBACDeniedNamesTheRule(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a sidecar that may not read its Secret says which rule is missing, and goes on once it is there")
	live := w.newKey()
	p := w.watched(live)
	w.until("the sidecar says what is missing", func() error {
		log := p.log("livekey")
		for _, part := range []string{"forbidden (403)", "secrets", p.name, "verbs", "get", "system:serviceaccount:" + w.space + ":default"} {
			if !bytes.Contains(log, []byte(part)) {
				return unless(false, "it does not say %q", part)
			}
		}
		return nil
	})
	w.during(time.Second, "without a right", func() error { return unless(len(p.said()) == 0, "the app has started") })

	p.allow("get", "watch")
	w.until("the app has its key", p.saw(live))
	if n := p.restarts("livekey"); n != 0 {
		t.Errorf("the sidecar was started again %d times", n)
	}
}

func TestADeadKeyHoldsAWatchedPodBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a command that holds the app back ends when the Secret has a key that lives")
	dead := fakeissuer.NewAnthropicKey()
	p := w.watched(dead, "get", "watch")
	w.until("the sidecar asked the issuer", func() error { return unless(w.issuer.Calls(dead) > 0, "no call") })
	w.during(2*time.Second, "an app with a dead key", func() error { return unless(len(p.said()) == 0, "it has started") })

	live := w.newKey()
	w.secret(p.name, map[string]string{secretField: live})
	w.until("the app has the key that lives", p.saw(live))
	if n := p.restarts("livekey"); n != 0 {
		t.Errorf("the sidecar was started again %d times", n)
	}
}

// The kubelet does nothing for a pod whose hook runs, not even end it: so the hook has to give up.
func TestAPodThatWaitsCanBeDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a pod whose app is held back ends when it is deleted")
	dead := fakeissuer.NewAnthropicKey()
	p := w.pod(edited(t, podManifest, startupLine, edited(t, hookLine, "30s", "3s")), config, map[string]string{secretField: dead})
	w.until("the sidecar asked the issuer", func() error { return unless(w.issuer.Calls(dead) > 0, "no call") })
	p.delete()
	w.until("it is gone", func() error {
		_, err := p.containers()
		return unless(cluster.IsStatus(err, http.StatusNotFound), "it is still there: %v", err)
	})
}

// A token that its API server refuses is as good as one past its end, which would take ten minutes.
func TestATokenThatEndsIsReadAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a token that the API server refuses takes no key away, and the next one is read without a restart")
	old := w.newKey()
	p := w.reserve()
	p.allow("get", "watch")
	fields := map[string]string{"token": p.token("first"), "ca": w.Authority(t)}
	w.secret(p.name+"-login", fields)
	w.secret(p.name, map[string]string{secretField: old})
	p.create(edited(t, podManifest, startupLine, hookLine, "secretName: $NAME", "secretName: $NAME-login"),
		edited(t, config, fromFile, fromAPI,
			"{file: {path: /etc/keys}}", "{kubernetes: {api: \"https://"+cluster.API+"\", token_file: /etc/keys/token, ca_file: /etc/keys/ca, namespace: "+w.space+"}}",
		), map[string]string{secretField: old})
	w.until("the app has its key", p.saw(old))

	w.Must(t, http.MethodDelete, w.path("secrets/first"), "") // to which the token is bound
	// Who is not asked to look waits for the next read, which comes once a minute.
	w.until("the sidecar says why it cannot read", func() error {
		p.exec("refresh")
		return unless(bytes.Contains(p.log("livekey"), []byte("not logged in (401)")), "it does not")
	})
	w.during(time.Second, "without a login", p.saw(old))
	next := w.newKey()
	w.secret(p.name, map[string]string{secretField: next})
	fields["token"] = p.token("second")
	w.secret(p.name+"-login", fields)
	w.until("the app has the next key", func() error {
		p.exec("refresh")
		return p.saw(next)()
	})
	if n := p.restarts("livekey"); n != 0 {
		t.Errorf("the sidecar was started again %d times", n)
	}
}

// token is one of the pod's service account, which ends with a Secret that is made for it.
func (p *pod) token(secret string) string {
	p.t.Helper()
	p.Must(p.t, http.MethodPost, p.path("secrets"), "{apiVersion: v1, kind: Secret, metadata: {name: "+secret+"}}")
	var bound struct{ Metadata struct{ UID string } }
	if err := p.Get(p.path("secrets/"+secret), &bound); err != nil {
		p.t.Fatal(err)
	}
	text, err := p.Try(http.MethodPost, p.path("serviceaccounts/default/token"), "apiVersion: authentication.k8s.io/v1\nkind: TokenRequest\n"+
		"spec: {boundObjectRef: {kind: Secret, apiVersion: v1, name: "+secret+", uid: "+bound.Metadata.UID+"}}\n")
	var answer struct{ Status struct{ Token string } }
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		p.t.Fatalf("ask for a token: %v", err)
	}
	return answer.Status.Token
}
