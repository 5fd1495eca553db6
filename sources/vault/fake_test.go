package vault_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/test/servers"
)

// A backend is a Vault that a test may change: the real server of test/vault, or the
// fake below for a plain `go test`. Tests of behavior run against both.
type backend interface {
	Address() string
	Put(mount, path string, data map[string]any) int
	Delete(mount, path string, versions ...int)
	Destroy(mount, path string, versions ...int)
	DeleteMetadata(mount, path string)
	Seal()
	Unseal()
	ReadPolicy(name string, paths ...string)
	NewToken(ttl time.Duration, policies ...string) string
	RevokeToken(token string)
	AppRole(mount, role string, ttl time.Duration, policies ...string) (roleID, secretID string)
	NewSecretID(mount, role string) string
	RevokeRoleTokens(mount string)
	Requests(prefix string) int
	MountKV2(mount string)
	MountKV1(mount string)
	PutKV1(mount, path string, data map[string]any)
	Unmount(mount string)
	WrapSecretID(mount, role string, ttl time.Duration) string
}

// eachVault runs test against the fake and, in `make test`, against a real Vault.
func eachVault(t *testing.T, test func(t *testing.T, v backend)) {
	t.Run("fake", func(t *testing.T) { test(t, newFake(t)) })
	t.Run("real", func(t *testing.T) { test(t, realVault{servers.Vault(t)}) })
}

type realVault struct{ *servers.VaultServer }

func (v realVault) Address() string { return v.URL }

// fake speaks as much of Vault's protocol as livekey uses, with the bodies that
// Vault 1.21 answers.
type fake struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	sealed   bool
	mounts   map[string]*fakeMount
	wrapped  map[string]fakeWrap // wrapping token: what is in it
	policies map[string][]string // name: paths that may be read
	tokens   map[string][]string // token: policies
	roles    map[string]*fakeRole
	issued   []string // tokens of roles
	requests []string
	serial   int
}

type fakeMount struct {
	kv      int
	secrets map[string]*fakeSecret
	plain   map[string]map[string]any // of version 1
}

type fakeWrap struct{ path, secretID string }

type fakeSecret struct{ versions []*fakeVersion }

type fakeVersion struct {
	data      map[string]any
	created   time.Time
	deleted   time.Time
	destroyed bool
}

type fakeRole struct {
	mount, id string
	secrets   []string
	policies  []string
}

func newFake(t *testing.T) *fake {
	f := &fake{
		t:        t,
		mounts:   make(map[string]*fakeMount),
		wrapped:  make(map[string]fakeWrap),
		policies: make(map[string][]string),
		tokens:   make(map[string][]string),
		roles:    make(map[string]*fakeRole),
	}
	f.MountKV2("secret")
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	return f
}

func (f *fake) Address() string { return f.server.URL }

func (f *fake) next(prefix string) string {
	f.serial++
	return fmt.Sprintf("%s%d", prefix, f.serial)
}

func (f *fake) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

func (f *fake) MountKV2(mount string) {
	f.change(func() { f.mounts[mount] = &fakeMount{kv: 2, secrets: make(map[string]*fakeSecret)} })
}

func (f *fake) MountKV1(mount string) {
	f.change(func() { f.mounts[mount] = &fakeMount{kv: 1, plain: make(map[string]map[string]any)} })
}

func (f *fake) PutKV1(mount, path string, data map[string]any) {
	f.change(func() { f.mounts[mount].plain[path] = data })
}

func (f *fake) Unmount(mount string) { f.change(func() { delete(f.mounts, mount) }) }

func (f *fake) Put(mount, path string, data map[string]any) (version int) {
	f.change(func() {
		s := f.mounts[mount].secrets[path]
		if s == nil {
			s = &fakeSecret{}
			f.mounts[mount].secrets[path] = s
		}
		s.versions = append(s.versions, &fakeVersion{data: data, created: time.Now()})
		version = len(s.versions)
	})
	return version
}

func (f *fake) each(mount, path string, versions []int, do func(*fakeVersion)) {
	f.change(func() {
		all := f.mounts[mount].secrets[path].versions
		if len(versions) == 0 {
			versions = []int{len(all)}
		}
		for _, n := range versions {
			do(all[n-1])
		}
	})
}

func (f *fake) Delete(mount, path string, versions ...int) {
	f.each(mount, path, versions, func(v *fakeVersion) { v.deleted = time.Now() })
}

func (f *fake) Destroy(mount, path string, versions ...int) {
	f.each(mount, path, versions, func(v *fakeVersion) { v.destroyed = true })
}

func (f *fake) DeleteMetadata(mount, path string) {
	f.change(func() { delete(f.mounts[mount].secrets, path) })
}

func (f *fake) Seal()   { f.change(func() { f.sealed = true }) }
func (f *fake) Unseal() { f.change(func() { f.sealed = false }) }

func (f *fake) ReadPolicy(name string, paths ...string) {
	f.change(func() { f.policies[name] = paths })
}

func (f *fake) NewToken(_ time.Duration, policies ...string) (token string) {
	f.change(func() {
		token = f.next("hvs.fake-token-")
		f.tokens[token] = policies
	})
	return token
}

func (f *fake) RevokeToken(token string) { f.change(func() { delete(f.tokens, token) }) }

func (f *fake) AppRole(mount, role string, _ time.Duration, policies ...string) (roleID, secretID string) {
	f.change(func() {
		roleID = f.next("role-")
		f.roles[role] = &fakeRole{mount: mount, id: roleID, policies: policies}
	})
	return roleID, f.NewSecretID(mount, role)
}

func (f *fake) NewSecretID(_, role string) (id string) {
	f.change(func() {
		id = f.next("secret-id-")
		f.roles[role].secrets = append(f.roles[role].secrets, id)
	})
	return id
}

func (f *fake) WrapSecretID(mount, role string, _ time.Duration) (token string) {
	id := f.NewSecretID(mount, role)
	f.change(func() {
		token = f.next("hvs.fake-wrapping-")
		f.wrapped[token] = fakeWrap{"auth/" + mount + "/role/" + role + "/secret-id", id}
	})
	return token
}

func (f *fake) RevokeRoleTokens(string) {
	f.change(func() {
		for _, token := range f.issued {
			delete(f.tokens, token)
		}
	})
}

func (f *fake) Requests(prefix string) (n int) {
	f.change(func() {
		for _, path := range f.requests {
			if strings.HasPrefix(path, prefix) {
				n++
			}
		}
	})
	return n
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	f.requests = append(f.requests, path)
	switch {
	case f.sealed:
		refuse(w, http.StatusServiceUnavailable, "Vault is sealed")
	case r.Header.Get("X-Vault-Request") != "true":
		refuse(w, http.StatusPreconditionFailed, "missing 'X-Vault-Request' header")
	case r.Method == http.MethodPost && strings.HasSuffix(path, "/login"):
		f.serveLogin(w, r, strings.TrimSuffix(strings.TrimPrefix(path, "auth/"), "/login"))
	case r.Method == http.MethodPost && strings.HasPrefix(path, "sys/wrapping/"):
		f.serveWrapped(w, r, path)
	case r.Method == http.MethodGet:
		f.serveRead(w, r, path)
	default:
		refuse(w, http.StatusMethodNotAllowed, "unsupported operation")
	}
}

func (f *fake) serveLogin(w http.ResponseWriter, r *http.Request, mount string) {
	var in struct {
		RoleID   string `json:"role_id"`
		SecretID string `json:"secret_id"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		refuse(w, http.StatusBadRequest, "failed to parse JSON input")
		return
	}
	known := false
	for _, role := range f.roles {
		known = known || role.mount == mount
		if role.mount == mount && role.id == in.RoleID && slices.Contains(role.secrets, in.SecretID) {
			token := f.next("hvs.fake-role-token-")
			f.tokens[token] = role.policies
			f.issued = append(f.issued, token)
			reply(w, http.StatusOK, map[string]any{"request_id": "r", "data": nil, "auth": map[string]any{
				"client_token": token, "lease_duration": 3600, "renewable": true, "policies": role.policies,
			}})
			return
		}
	}
	if !known {
		refuse(w, http.StatusForbidden, "permission denied")
		return
	}
	refuse(w, http.StatusBadRequest, "invalid role or secret ID")
}

func (f *fake) serveWrapped(w http.ResponseWriter, r *http.Request, path string) {
	in := struct{ Token string }{r.Header.Get("X-Vault-Token")}
	_ = json.NewDecoder(r.Body).Decode(&in)
	held, ok := f.wrapped[in.Token]
	switch {
	case !ok:
		refuse(w, http.StatusBadRequest, "wrapping token is not valid or does not exist")
	case path == "sys/wrapping/lookup":
		reply(w, http.StatusOK, map[string]any{"data": map[string]any{"creation_path": held.path, "creation_ttl": 60}})
	default:
		delete(f.wrapped, in.Token)
		reply(w, http.StatusOK, map[string]any{"data": map[string]any{"secret_id": held.secretID, "secret_id_num_uses": 0}})
	}
}

// servePreflight answers where the mount of a path ends, to whom may read anything in it.
func (f *fake) servePreflight(w http.ResponseWriter, path string, policies []string) {
	for name, mount := range f.mounts {
		inside := func(policy string) bool {
			return policy == "root" || slices.ContainsFunc(f.policies[policy], func(p string) bool { return strings.HasPrefix(p, name+"/") })
		}
		if strings.HasPrefix(path, name+"/") && slices.ContainsFunc(policies, inside) {
			var options map[string]string
			if mount.kv == 2 {
				options = map[string]string{"version": "2"}
			}
			reply(w, http.StatusOK, map[string]any{"data": map[string]any{"path": name + "/", "type": "kv", "options": options}})
			return
		}
	}
	refuse(w, http.StatusForbidden, fmt.Sprintf("preflight capability check returned 403, please ensure client's policies grant access to path %q", path+"/"))
}

// mountOf is the mount that a path of the API lies in, and what follows its name.
func (f *fake) mountOf(path string) (mount *fakeMount, rest string) {
	for name, m := range f.mounts {
		if behind, ok := strings.CutPrefix(path, name+"/"); ok {
			return m, behind
		}
	}
	return nil, ""
}

func (f *fake) serveRead(w http.ResponseWriter, r *http.Request, path string) {
	policies, ok := f.tokens[r.Header.Get("X-Vault-Token")]
	if !ok {
		refuse(w, http.StatusForbidden, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
		return
	}
	if asked, ok := strings.CutPrefix(path, "sys/internal/ui/mounts/"); ok {
		f.servePreflight(w, asked, policies)
		return
	}
	if !slices.ContainsFunc(policies, func(p string) bool { return p == "root" || f.mayRead(p, path) }) {
		refuse(w, http.StatusForbidden, "permission denied")
		return
	}
	mount, rest := f.mountOf(path)
	if mount == nil {
		refuse(w, http.StatusNotFound, fmt.Sprintf("no handler for route %q. route entry not found.", path))
		return
	}
	if mount.kv == 1 {
		if data, ok := mount.plain[rest]; ok {
			reply(w, http.StatusOK, map[string]any{"request_id": "r", "lease_duration": 2764800, "data": data})
			return
		}
		refuse(w, http.StatusNotFound)
		return
	}
	secretPath, versioned := strings.CutPrefix(rest, "data/")
	if !versioned {
		reply(w, http.StatusNotFound, map[string]any{"data": nil, "warnings": []string{
			"Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use.",
		}})
		return
	}
	s := mount.secrets[secretPath]
	n := 0
	if s != nil {
		n = len(s.versions)
		if asked := r.URL.Query().Get("version"); asked != "" {
			n, _ = strconv.Atoi(asked)
		}
	}
	if n == 0 || n > len(s.versions) {
		refuse(w, http.StatusNotFound)
		return
	}
	v, status, data := s.versions[n-1], http.StatusOK, any(s.versions[n-1].data)
	deletion := ""
	if !v.deleted.IsZero() {
		deletion = v.deleted.UTC().Format(time.RFC3339Nano)
	}
	if v.destroyed || deletion != "" {
		status, data = http.StatusNotFound, nil
	}
	reply(w, status, map[string]any{"request_id": "r", "data": map[string]any{"data": data, "metadata": map[string]any{
		"created_time": v.created.UTC().Format(time.RFC3339Nano), "custom_metadata": nil,
		"deletion_time": deletion, "destroyed": v.destroyed, "version": n,
	}}, "warnings": nil})
}

func (f *fake) mayRead(policy, path string) bool {
	return slices.ContainsFunc(f.policies[policy], func(p string) bool {
		prefix, glob := strings.CutSuffix(p, "*")
		return p == path || glob && strings.HasPrefix(path, prefix)
	})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, errors ...string) {
	reply(w, status, map[string][]string{"errors": append([]string{}, errors...)})
}
