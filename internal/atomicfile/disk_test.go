package atomicfile

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"
)

// disk is a file system that promises nothing but POSIX: what was not synced may
// be on it after a power cut or not, in any combination. It does the work of
// rootOps in memory and keeps a log of every change.
type disk struct {
	nodes  []*node
	log    []change
	steps  int // operations so far
	failAt int // the operation that fails with failBy, from 1
	failBy error
	// What a broken protocol would leave out, to see that the model notices.
	ignoreFileSync, ignoreDirSync bool
}

type node struct {
	kind   fs.FileMode
	data   []byte
	target string
	attr   Attr
	names  map[string]int
}

// A change is one entry of the log. What happened to a directory's names is one
// change however many names it has, so a rename is never half on the disk.
type change struct {
	node  int
	names map[string]int // name: node, or gone
	data  []byte         // whole content from here on
	attr  *Attr
	sync  bool
}

const gone = -1

func newDisk() *disk {
	return &disk{nodes: []*node{{kind: fs.ModeDir, attr: Attr{Mode: 0o700}, names: map[string]int{}}}}
}

func (d *disk) dir() *Dir { return &Dir{path: "/model", ops: &modelDir{d, 0}} }

func (d *disk) step() error {
	if d.steps++; d.steps == d.failAt {
		return d.failBy
	}
	return nil
}

func (d *disk) apply(c change) {
	n := d.nodes[c.node]
	for name, to := range c.names {
		if to == gone {
			delete(n.names, name)
		} else {
			n.names[name] = to
		}
	}
	if c.data != nil {
		n.data = c.data
	}
	if c.attr != nil {
		n.attr = *c.attr
	}
}

func (d *disk) did(c change) {
	d.apply(c)
	d.log = append(d.log, c)
}

func (d *disk) add(n node) int {
	d.nodes = append(d.nodes, &n)
	return len(d.nodes) - 1
}

// cuts calls check with every disk that a power cut after the first upTo changes
// may leave, starting from what base held before the log began.
func (d *disk) cuts(base *disk, upTo int, check func(*disk)) {
	// pending: each change since the last sync of its node, alone or not at all.
	var pending []change
	durable := base.clone()
	for len(durable.nodes) < len(d.nodes) { // born empty; reachable only by name
		n := *d.nodes[len(durable.nodes)]
		n.data, n.attr, n.names = nil, Attr{Mode: 0o600}, map[string]int{}
		durable.nodes = append(durable.nodes, &n)
	}
	for _, c := range d.log[:upTo] {
		if !c.sync {
			pending = append(pending, c)
			continue
		}
		isDir := d.nodes[c.node].kind == fs.ModeDir
		if isDir && d.ignoreDirSync || !isDir && d.ignoreFileSync {
			continue
		}
		pending = slices.DeleteFunc(pending, func(p change) bool {
			if p.node == c.node {
				durable.apply(p)
			}
			return p.node == c.node
		})
	}
	d.choose(durable, pending, check)
}

func (d *disk) choose(soFar *disk, pending []change, check func(*disk)) {
	if len(pending) == 0 {
		check(soFar.clone())
		return
	}
	c, rest := pending[0], pending[1:]
	d.choose(soFar, rest, check) // it never reached the disk
	with := soFar.clone()
	with.apply(c)
	d.choose(with, rest, check)
	if len(c.data) > 1 { // or half of it did
		torn := soFar.clone()
		torn.apply(change{node: c.node, data: c.data[:len(c.data)/2]})
		d.choose(torn, rest, check)
	}
}

func (d *disk) clone() *disk {
	c := &disk{}
	for _, n := range d.nodes {
		m := *n
		m.names = maps.Clone(n.names)
		c.nodes = append(c.nodes, &m)
	}
	return c
}

type modelDir struct {
	d  *disk
	id int
}

func (m *modelDir) find(name string) (int, *node, error) {
	if err := m.d.step(); err != nil {
		return 0, nil, err
	}
	id, ok := m.d.nodes[m.id].names[name]
	if !ok {
		return 0, nil, syscall.ENOENT
	}
	return id, m.d.nodes[id], nil
}

// make adds a name, which must be new.
func (m *modelDir) make(name string, n node) (int, error) {
	if err := m.d.step(); err != nil {
		return 0, err
	}
	if _, ok := m.d.nodes[m.id].names[name]; ok {
		return 0, syscall.EEXIST
	}
	id := m.d.add(n)
	m.d.did(change{node: m.id, names: map[string]int{name: id}})
	return id, nil
}

func (m *modelDir) create(name string) (file, error) {
	id, err := m.make(name, node{attr: Attr{Mode: 0o600}})
	if err != nil {
		return nil, err
	}
	return &modelFile{m.d, id}, nil
}

func (m *modelDir) open(name string) (file, error) {
	id, n, err := m.find(name)
	if err != nil {
		return nil, err
	}
	if n.kind != 0 {
		return nil, ErrNotRegular
	}
	return &modelFile{m.d, id}, nil
}

func (m *modelDir) lstat(name string) (fs.FileMode, error) {
	_, n, err := m.find(name)
	if err != nil {
		return 0, err
	}
	return n.kind, nil
}

func (m *modelDir) readlink(name string) (string, error) {
	_, n, err := m.find(name)
	if err != nil {
		return "", err
	}
	if n.kind != fs.ModeSymlink {
		return "", syscall.EINVAL
	}
	return n.target, nil
}

func (m *modelDir) names() ([]string, error) {
	return slices.Sorted(maps.Keys(m.d.nodes[m.id].names)), m.d.step()
}

func (m *modelDir) symlink(target, name string) error {
	_, err := m.make(name, node{kind: fs.ModeSymlink, target: target})
	return err
}

func (m *modelDir) rename(from, to string) error {
	id, _, err := m.find(from)
	if err == nil {
		m.d.did(change{node: m.id, names: map[string]int{from: gone, to: id}})
	}
	return err
}

func (m *modelDir) remove(name string) error {
	_, n, err := m.find(name)
	if err == nil && len(n.names) > 0 {
		err = syscall.ENOTEMPTY
	}
	if err == nil {
		m.d.did(change{node: m.id, names: map[string]int{name: gone}})
	}
	return err
}

func (m *modelDir) mkdir(name string) error {
	_, err := m.make(name, node{kind: fs.ModeDir, names: map[string]int{}})
	return err
}

func (m *modelDir) sub(name string) (ops, error) {
	id, n, err := m.find(name)
	if err != nil {
		return nil, err
	}
	if n.kind != fs.ModeDir {
		return nil, syscall.ENOTDIR
	}
	return &modelDir{m.d, id}, nil
}

func (m *modelDir) attr() (Attr, error)  { return m.d.nodes[m.id].attr, m.d.step() }
func (m *modelDir) setAttr(a Attr) error { return m.d.setAttr(m.id, a) }
func (m *modelDir) sync() error          { return m.d.sync(m.id) }
func (m *modelDir) close() error         { return nil }
func (d *disk) setAttr(id int, a Attr) error {
	if err := d.step(); err != nil {
		return err
	}
	d.did(change{node: id, attr: &a})
	return nil
}

func (d *disk) sync(id int) error {
	if err := d.step(); err != nil {
		return err
	}
	d.did(change{node: id, sync: true})
	return nil
}

type modelFile struct {
	d  *disk
	id int
}

func (f *modelFile) Write(b []byte) (int, error) {
	if err := f.d.step(); err != nil {
		return 0, err
	}
	f.d.did(change{node: f.id, data: slices.Concat(f.d.nodes[f.id].data, b)})
	return len(b), nil
}

func (f *modelFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.d.step(); err != nil {
		return 0, err
	}
	return bytes.NewReader(f.d.nodes[f.id].data).ReadAt(b, off)
}

func (f *modelFile) size() (int64, error) { return int64(len(f.d.nodes[f.id].data)), f.d.step() }
func (f *modelFile) attr() (Attr, error)  { return f.d.nodes[f.id].attr, f.d.step() }
func (f *modelFile) setAttr(a Attr) error { return f.d.setAttr(f.id, a) }
func (f *modelFile) sync() error          { return f.d.sync(f.id) }
func (f *modelFile) close() error         { return f.d.step() }

var (
	_ ops         = (*modelDir)(nil)
	_ file        = (*modelFile)(nil)
	_ io.ReaderAt = (*modelFile)(nil)
)

// leftovers are the names that only a write under way may have.
func (d *disk) leftovers() []string {
	var left []string
	current := ""
	if id, ok := d.nodes[0].names[Current]; ok {
		current = d.nodes[id].target
	}
	for name := range d.nodes[0].names {
		if strings.HasPrefix(name, ".livekey-") || isGeneration(name) && name != current {
			left = append(left, name)
		}
	}
	return left
}
