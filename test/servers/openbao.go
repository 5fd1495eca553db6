package servers

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/livekey/livekey/test/need"
)

// OpenBao is the server that BAO_ADDR names, with BAO_TOKEN, which may do everything,
// and BAO_CACERT, if its certificate needs it. The test shares it with others, and
// can neither stop nor seal it nor count its requests. Without the variables the
// test is skipped, and nothing is amiss.
//
// name is for the test's own mounts, policies and auth mounts, all of which begin
// with it: they are removed when the test ends.
func OpenBao(t testing.TB) (v *VaultServer, name string) {
	t.Helper()
	need.Optional(t, "the main job on OpenBao", "BAO_ADDR", "BAO_TOKEN")
	v = &VaultServer{t: t, URL: os.Getenv("BAO_ADDR"), Token: os.Getenv("BAO_TOKEN"), CAFile: os.Getenv("BAO_CACERT")}
	v.http = adminClient(t, v.CAFile)
	name = "livekey-test-" + strings.ToLower(rand.Text()[:8])
	t.Cleanup(func() { v.clean(name) })
	return v, name
}

// clean removes what begins with name.
func (v *VaultServer) clean(name string) {
	for _, kind := range []string{"sys/mounts", "sys/auth"} {
		var mounts struct{ Data map[string]any }
		v.Do("GET", kind, nil, &mounts)
		for mount := range mounts.Data {
			if strings.HasPrefix(mount, name) {
				v.Do("DELETE", kind+"/"+strings.TrimSuffix(mount, "/"), nil, nil)
			}
		}
	}
	v.Do("DELETE", "sys/policies/acl/"+name, nil, nil)
}
