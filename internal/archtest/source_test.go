package archtest

import (
	"go/ast"
	"slices"
	"strings"
)

// allowed are the packages that may do what a source rule forbids, each with its reason.
type allowed map[string]string

func (a allowed) has(dir string) bool {
	for pattern := range a {
		if matches(dir, []string{pattern}) {
			return true
		}
	}
	return false
}

var makesClients = allowed{
	"internal/httpclient": "makes them all: no redirect, dial control, budgets",
}

var writesFiles = allowed{
	"internal/atomicfile": "writes them all: mode and owner before the name, synced, read back",
	"internal/journal":    "appends; its snapshot's descriptor stays the journal's",
	"internal/admin":      "puts its socket in place by rename",
	"internal/drill":      "plays the people and tools that change files in place",
}

var reveals = allowed{
	"internal/secret":         "the type itself",
	"internal/normalize":      "opens envelopes and lints",
	"validator/catalog":       "puts the key into the live call",
	"validator/vaulttoken":    "shows livekey's own token to Vault",
	"sinks/envfile":           "writes the key",
	"sinks/directory":         "writes the key",
	"sinks/child":             "makes the environment of the program that livekey runs",
	"sources/vault":           "logs in with its own credential",
	"sources/kubernetes":      "puts the entries of a Secret into one record",
	"sinks/kubernetessecret":  "writes the key",
	"internal/kube":           "shows livekey's own token and certificate to the API server",
	"sources/exec":            "reads the answer of a program, in which the record is",
	"internal/peers":          "reads the answer of a program, in which another livekey's status is",
	"internal/holders":        "hands the salt to the service that looks",
	"internal/admin":          "hands a pasted value to the daemon on the same machine",
	"alerts/internal/post":    "trims a channel's own credential",
	"alerts/webhook":          "signs with its own credential",
	"alerts/slack":            "sends to an address that is its own credential",
	"alerts/pagerduty":        "sends its own credential",
	"alerts/alertmanager":     "sends its own credential",
	"internal/reload":         "sends the token of a hook",
	"internal/anthropicadmin": "sends its own credential, and compares what the issuer shows of a key with the key",
}

var startsPrograms = allowed{
	"internal/command":   "starts them all: no shell, no environment, killed with its children, bounded",
	"internal/drill":     "starts livekey itself",
	"internal/supervise": "starts the one program that a user's command line names: it has his terminal, his environment and his time",
}

// Functions of package os that make a file or a name. OpenFile is judged by its flags.
var makers = []string{"WriteFile", "Create", "CreateTemp", "MkdirTemp", "Rename", "Link", "Symlink", "Truncate"}

var sourceRules = []rule{
	{
		"one maker of HTTP clients",
		"a client of its own follows redirects, dials metadata addresses and waits for ever: take internal/httpclient",
		scan(production, func(n ast.Node, dir string) string {
			if makesClients.has(dir) {
				return ""
			}
			switch n := n.(type) {
			case *ast.CompositeLit:
				if pkg, name := called(n.Type); pkg == "http" && (name == "Client" || name == "Transport") {
					return "makes an http." + name
				}
			case *ast.CallExpr:
				if fun, ok := n.Fun.(*ast.Ident); ok && fun.Name == "new" && len(n.Args) == 1 {
					if pkg, name := called(n.Args[0]); pkg == "http" && (name == "Client" || name == "Transport") {
						return "makes an http." + name
					}
				}
			case *ast.ValueSpec:
				if pkg, name := called(n.Type); pkg == "http" && (name == "Client" || name == "Transport") {
					return "makes an http." + name
				}
			case *ast.SelectorExpr:
				if pkg, name := called(n); pkg == "http" && slices.Contains([]string{"DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm"}, name) {
					return "uses http." + name
				}
			}
			return ""
		}),
	},
	{
		"one writer of files",
		"a file written by hand can be seen half written, with the wrong mode, or be lost in a power cut: take internal/atomicfile",
		scan(production, func(n ast.Node, dir string) string {
			if writesFiles.has(dir) {
				return ""
			}
			if pkg, name := called(n); pkg == "os" && slices.Contains(makers, name) {
				return "uses os." + name
			}
			if call, ok := n.(*ast.CallExpr); ok { // also of an os.Root
				switch _, name := called(call.Fun); {
				case name == "OpenFile" && len(call.Args) == 3 && !onlyReads(call.Args[1]):
					return "opens a file to write"
				case name == "WriteFile" && len(call.Args) == 3, strings.HasPrefix(name, "Rename") && len(call.Args) >= 2:
					return "uses " + name
				}
			}
			return ""
		}),
	},
	{
		"one starter of programs",
		"a child started by hand has our environment, outlives us with its children, and may be a program that others can replace: take internal/command",
		scan(production, func(n ast.Node, dir string) string {
			if startsPrograms.has(dir) {
				return ""
			}
			if i, ok := n.(*ast.ImportSpec); ok && importPath(i) == "os/exec" {
				return "imports os/exec"
			}
			switch pkg, name := called(n); {
			case pkg == "os" && name == "StartProcess", (pkg == "syscall" || pkg == "unix") && slices.Contains([]string{"Exec", "ForkExec", "StartProcess"}, name):
				return "uses " + pkg + "." + name
			}
			return ""
		}),
	},
	{
		"values are revealed in few places",
		"grep Reveal() lists every use of a value; a new place is a decision, made in this table",
		scan(production, func(n ast.Node, dir string) string {
			if _, name := called(n); name == "Reveal" && !reveals.has(dir) {
				return "reveals a value"
			}
			return ""
		}),
	},
	{
		"no init",
		"what runs before main runs in every command, cannot fail and cannot be tested",
		scan(production, func(n ast.Node, _ string) string {
			if f, ok := n.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				return "has an init function"
			}
			return ""
		}),
	},
	{
		"no import for its effect",
		"plug-ins are a table in cmd; only embed is imported for nothing but its name",
		scan(scope{in: []string{"..."}}, func(n ast.Node, _ string) string {
			if i, ok := n.(*ast.ImportSpec); ok && i.Name != nil && (i.Name.Name == "_" && importPath(i) != "embed" || i.Name.Name == ".") {
				return "imports " + importPath(i) + " as " + i.Name.Name
			}
			return ""
		}),
	},
	{
		"certificates are verified",
		"a key sent over a connection that nobody verified is a key given away",
		scan(scope{in: []string{"..."}}, func(n ast.Node, _ string) string {
			switch n := n.(type) {
			case *ast.Ident:
				if n.Name == "InsecureSkipVerify" {
					return "names " + n.Name
				}
			case *ast.BasicLit:
				if strings.Contains(n.Value, "VAULT_SKIP_VERIFY") {
					return "names VAULT_SKIP_VERIFY"
				}
			}
			return ""
		}),
	},
	{
		"imports keep their names",
		"the rules above know os and http by these names",
		scan(production, func(n ast.Node, _ string) string {
			if i, ok := n.(*ast.ImportSpec); ok && i.Name != nil && matches(importPath(i), []string{"os", "net/http", "io/ioutil"}) {
				return "imports " + importPath(i) + " as " + i.Name.Name
			}
			return ""
		}),
	},
}

// scan makes a check of what wrong says about each node.
func scan(in scope, wrong func(n ast.Node, dir string) string) func(tree) []string {
	return func(t tree) (bad []string) {
		t.inspect(in, func(n ast.Node, dir string, place func() string) {
			if what := wrong(n, dir); what != "" {
				bad = append(bad, place()+" "+what)
			}
		})
		return bad
	}
}

// onlyReads says whether no flag in e lets a file be written or made.
func onlyReads(e ast.Expr) bool {
	ok := true
	ast.Inspect(e, func(n ast.Node) bool {
		if _, name := called(n); slices.Contains([]string{"O_WRONLY", "O_RDWR", "O_CREATE", "O_CREAT", "O_APPEND", "O_TRUNC"}, name) {
			ok = false
		}
		return true
	})
	return ok
}
