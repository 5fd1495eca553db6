package config

import "path/filepath"

// Holders says where holders are looked for besides the processes of this machine.
type Holders struct {
	Files []string `yaml:"files"` // absolute globs of files that may have copies of keys
}

// holders reads what one file says of it.
func (b *builder) holders(n Node) {
	b.once(n, "files")
	b.take(n.Decode(&b.cfg.Holders))
	files, _ := n.field("files")
	list := target(files.yaml)
	if list == nil {
		return
	}
	for i, item := range list.Content {
		glob := item.Value
		at := files.item(i, item)
		if _, err := filepath.Match(glob, ""); err != nil {
			b.add(at.fault("", "not a pattern", "a [ needs its ]"))
			continue
		}
		b.absolute(at, "", glob)
	}
}
