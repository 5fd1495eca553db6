package config

// Lease is what several livekeys share so that one of them works: a Lease of a Kubernetes
// cluster. Without a Name there is none.
type Lease struct {
	Name       string `yaml:"name"`
	Namespace  string `yaml:"namespace"`  // empty: the pod's own, or the context's
	Kubeconfig string `yaml:"kubeconfig"` // as of a source of kind kubernetes, and what follows too
	Context    string `yaml:"context"`
	API        string `yaml:"api"`
	TokenFile  string `yaml:"token_file"`
	CAFile     string `yaml:"ca_file"`
}

// lease reads what one file says of it.
func (b *builder) lease(n Node) {
	if n.empty() {
		return
	}
	c := b.cfg
	b.once(n, "name", "namespace", "kubeconfig", "context", "api", "token_file", "ca_file")
	b.take(n.Decode(&c.Lease))
	b.absoluteFiles(n)
	c.LeaseNode = n
	if c.Lease.Name == "" && c.Lease != (Lease{}) {
		b.add(n.fault("name", "required: of which Lease; without one every livekey works", ""))
	}
}
