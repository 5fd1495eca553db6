//go:build linux

package cluster

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/test/namespace"
)

var (
	//go:embed boot.sh
	bootScript string
	//go:embed containerd.toml
	containerdConfig string
	//go:embed kubelet.yaml
	kubeletConfig string
)

// Who asks the API server. The tokens open a cluster that nobody else can reach.
const tokens = `admin,admin,1,"system:masters"
node,system:node:` + Node + `,2,"system:nodes"
controllers,system:kube-controller-manager,3
scheduler,system:kube-scheduler,4
`

// Kubeconfig is an administrator's, for programs that Run starts.
func (c *Cluster) Kubeconfig() string { return c.dir + "/admin.kubeconfig" }

func (c *Cluster) writeConfigs() error {
	cgroup := "/" + namespace.NameOf(prefix, os.Getpid())
	fill := strings.NewReplacer("$DIR", c.dir, "$CGROUP", cgroup)
	signer, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	files := map[string]string{
		"containerd.toml": fill.Replace(containerdConfig),
		"kubelet.yaml":    fill.Replace(kubeletConfig),
		"tokens.csv":      tokens,
		"signer.key":      string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(signer)})),
	}
	for _, who := range []string{"admin", "node", "controllers", "scheduler"} {
		files[who+".kubeconfig"] = fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://%s", certificate-authority: %s}}]
users: [{name: test, user: {token: %s}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
current-context: test
`, API, c.authority(), who)
	}
	for name, text := range files {
		if err := os.WriteFile(c.Path(filepath.Join(c.dir, name)), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// authority is the certificate that the API server makes for itself, and its issuer's.
func (c *Cluster) authority() string { return c.dir + "/pki/apiserver.crt" }

// Authority is the certificate, in PEM, by which the API server is known.
func (c *Cluster) Authority(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(c.Path(c.authority()))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// startRuntime starts containerd and gives it the images.
func (c *Cluster) startRuntime(archives []string) error {
	if err := c.start("containerd", "--config", c.dir+"/containerd.toml"); err != nil {
		return err
	}
	if err := c.await("containerd", func() error {
		_, err := c.TryRun("ctr", "version")
		return err
	}); err != nil {
		return err
	}
	for _, archive := range archives {
		if _, err := c.TryRun("ctr", "images", "import", archive); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) startControlPlane() error {
	client, peers := "http://"+etcdAddress, "http://"+etcdPeers
	err := c.start("etcd", "--data-dir="+c.dir+"/etcd", "--unsafe-no-fsync",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peers, "--initial-advertise-peer-urls="+peers, "--initial-cluster=default="+peers)
	if err != nil {
		return err
	}
	host, port, _ := strings.Cut(API, ":")
	err = c.start("kube-apiserver", "--etcd-servers="+client,
		"--bind-address=0.0.0.0", "--secure-port="+port, "--advertise-address="+NodeAddress,
		"--service-cluster-ip-range="+host+"/16", "--cert-dir="+c.dir+"/pki",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+c.dir+"/signer.key", "--service-account-signing-key-file="+c.dir+"/signer.key",
		"--token-auth-file="+c.dir+"/tokens.csv", "--authorization-mode=Node,RBAC", "--allow-privileged=true",
		"--shutdown-delay-duration=0")
	if err != nil {
		return err
	}
	if err := c.await("the API server", c.ready); err != nil {
		return err
	}
	return errors.Join(
		c.start("kube-controller-manager", "--kubeconfig="+c.dir+"/controllers.kubeconfig",
			"--service-account-private-key-file="+c.dir+"/signer.key", "--root-ca-file="+c.authority(),
			"--use-service-account-credentials=true", "--leader-elect=false", "--bind-address=127.0.0.1"),
		c.start("kube-scheduler", "--kubeconfig="+c.dir+"/scheduler.kubeconfig", "--leader-elect=false", "--bind-address=127.0.0.1"),
	)
}

// ready says whether the API server answers, whose certificate is read when it is there.
func (c *Cluster) ready() error {
	if c.api == nil {
		text, err := os.ReadFile(c.Path(c.authority()))
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(text) {
			return errors.New("no certificate in " + c.authority())
		}
		c.api = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
			DialContext:     c.dial,
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		}}
	}
	_, err := c.Try(http.MethodGet, "/readyz", "")
	return err
}

// startNode starts the kubelet and waits until pods may come.
func (c *Cluster) startNode() error {
	err := c.start("kubelet", "--config="+c.dir+"/kubelet.yaml", "--kubeconfig="+c.dir+"/node.kubeconfig",
		"--hostname-override="+Node, "--node-ip="+NodeAddress, "--root-dir="+c.dir+"/kubelet", "--cert-dir="+c.dir+"/kubelet-pki")
	if err != nil {
		return err
	}
	return c.await("the node", c.nodeReady)
}
