package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/livekey/livekey"

// tree is the module's source without tests: every file, whatever its build constraint.
type tree struct {
	fset     *token.FileSet
	packages map[string]*pkg // by folder: "internal/key"
}

type pkg struct {
	dir   string
	files map[string]*ast.File // by path
}

// load parses what is below root. Folders with a go.mod of their own are other modules.
func load(root fs.FS) (tree, error) {
	t := tree{token.NewFileSet(), map[string]*pkg{}}
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, noModule := fs.Stat(root, path.Join(p, "go.mod"))
			if p != "." && (noModule == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		text, err := fs.ReadFile(root, p)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(t.fset, p, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := path.Dir(p)
		if t.packages[dir] == nil {
			t.packages[dir] = &pkg{dir, map[string]*ast.File{}}
		}
		t.packages[dir].files[p] = file
		return nil
	})
	return t, err
}

func (t tree) dirs() []string { return slices.Sorted(maps.Keys(t.packages)) }

// imports are what p imports: livekey's own by folder, others by path.
func (p *pkg) imports() []string {
	seen := map[string]bool{}
	for _, f := range p.files {
		for _, spec := range f.Imports {
			seen[importPath(spec)] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func importPath(spec *ast.ImportSpec) string {
	text, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic(err) // the parser took it
	}
	return strings.TrimPrefix(text, module+"/")
}

// reach calls visit with everything that from imports, livekey's own packages followed, and the way
// there.
func (t tree) reach(from string, visit func(imported, way string)) {
	type step struct{ dir, way string }
	seen := map[string]bool{}
	for todo := []step{{from, from}}; len(todo) > 0; todo = todo[1:] {
		p := t.packages[todo[0].dir]
		if p == nil {
			continue
		}
		for _, i := range p.imports() {
			if seen[i] {
				continue
			}
			seen[i] = true
			way := todo[0].way + " -> " + i
			visit(i, way)
			todo = append(todo, step{i, way})
		}
	}
}

// inspect calls visit with every node of the packages in scope. place says where it stands.
func (t tree) inspect(scope scope, visit func(n ast.Node, dir string, place func() string)) {
	for _, dir := range t.dirs() {
		if !scope.has(dir) {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(t.packages[dir].files)) {
			ast.Inspect(t.packages[dir].files[name], func(n ast.Node) bool {
				if n != nil {
					visit(n, dir, func() string { return fmt.Sprintf("%s:%d", name, t.fset.Position(n.Pos()).Line) })
				}
				return true
			})
		}
	}
}

// scope is a set of packages: in, without those in except. Each entry is a
// pattern: "net" is one package, "net/..." it and those below, "net/*" those below alone,
// "..." all.
type scope struct{ in, except []string }

func (s scope) has(p string) bool { return matches(p, s.in) && !matches(p, s.except) }

func matches(p string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		switch base, ok := strings.CutSuffix(pattern, "/..."); {
		case pattern == "...":
			return true
		case ok:
			return p == base || strings.HasPrefix(p, base+"/")
		}
		if base, ok := strings.CutSuffix(pattern, "/*"); ok {
			return strings.HasPrefix(p, base+"/")
		}
		return p == pattern
	})
}

func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// called is the package and name of a selector such as os.Create, by the
// package's own name: no file here renames an import of one that matters.
func called(n ast.Node) (pkg, name string) {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", sel.Sel.Name
	}
	return x.Name, sel.Sel.Name
}
