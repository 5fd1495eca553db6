package main

import (
	"maps"
	"slices"

	log "github.com/hashicorp/go-hclog"
	jwt "github.com/hashicorp/vault-plugin-auth-jwt"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/credential/cert"
	"github.com/hashicorp/vault/builtin/credential/userpass"
	"github.com/hashicorp/vault/builtin/logical/database"
	"github.com/hashicorp/vault/plugins/database/postgresql"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/vault"
)

// newCore makes a sealed core that can mount what livekey's tests talk to.
func newCore(storage physical.Backend, logger log.Logger, address string) (*vault.Core, error) {
	secrets := map[string]logical.Factory{
		"kv":       kv.Factory,
		"database": database.Factory,
	}
	credentials := map[string]logical.Factory{
		"approle":    approle.Factory,
		"cert":       cert.Factory,
		"jwt":        jwt.Factory,
		"kubernetes": kubernetes.Factory,
		"userpass":   userpass.Factory,
	}
	return vault.NewCore(&vault.CoreConfig{
		Physical:     storage,
		Logger:       logger,
		DisableMlock: true,
		RedirectAddr: address,
		BuiltinRegistry: builtins{
			consts.PluginTypeSecrets:    plugins(secrets),
			consts.PluginTypeCredential: plugins(credentials),
			consts.PluginTypeDatabase:   {"postgresql-database-plugin": postgresql.New},
		},
		LogicalBackends:    secrets,
		CredentialBackends: credentials,
		AuditBackends:      map[string]audit.Factory{"file": audit.NewFileBackend},
	})
}

// builtins is the plugin registry of this server: what it can mount, by type and name.
type builtins map[consts.PluginType]map[string]func() (any, error)

// plugins turns factories into what the registry hands out.
func plugins(factories map[string]logical.Factory) map[string]func() (any, error) {
	out := make(map[string]func() (any, error), len(factories))
	for name, f := range factories {
		out[name] = func() (any, error) { return f, nil }
	}
	return out
}

// Get returns the constructor of a plugin.
func (b builtins) Get(name string, t consts.PluginType) (func() (any, error), bool) {
	f, ok := b[t][name]
	return f, ok
}

// Contains says whether a plugin is there.
func (b builtins) Contains(name string, t consts.PluginType) bool {
	_, ok := b[t][name]
	return ok
}

// Keys lists the plugins of a type.
func (b builtins) Keys(t consts.PluginType) []string {
	return slices.Sorted(maps.Keys(b[t]))
}

// DeprecationStatus says that nothing here is on its way out.
func (b builtins) DeprecationStatus(name string, t consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, b.Contains(name, t)
}

// IsBuiltinEntPlugin says that nothing here is of the Enterprise edition.
func (b builtins) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
