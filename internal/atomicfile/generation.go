package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"
)

// Current is the symbolic link to the generation that consumers see. The layout
// is the one that kubelet's volumes have, so whatever watches those works here:
//
//	..data -> ..2026_11_23_22_30_00.0f3a9c…   one link, so all files change at once
//	..2026_11_23_22_30_00.0f3a9c…/NAME        a generation, never changed once it is current
//	NAME -> ..data/NAME                       what consumers open
const Current = "..data"

const generationTime = "..2006_01_02_15_04_05." // followed by random digits

// A Generation is what Current points to.
type Generation struct {
	Name  string
	Attr  Attr // of its directory
	Files map[string]File
}

// Generation reads the current generation, all of it through one open of its
// directory. The error wraps fs.ErrNotExist if there is none.
func (d *Dir) Generation() (_ Generation, err error) {
	fail := func(err error) (Generation, error) {
		return Generation{}, fmt.Errorf("read %s: %w", d.join(Current), err)
	}
	name, err := d.ops.readlink(Current)
	if err != nil {
		return fail(err)
	}
	if !isGeneration(name) {
		return fail(errors.New("does not point to a generation beside it"))
	}
	o, err := d.ops.sub(name)
	if err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, o.close()) }()
	g := Generation{Name: name, Files: map[string]File{}}
	if g.Attr, err = o.attr(); err != nil {
		return fail(err)
	}
	names, err := o.names()
	if err != nil {
		return fail(err)
	}
	if len(names) > maxFiles {
		return fail(fmt.Errorf("%d files are more than livekey ever wrote", len(names)))
	}
	for _, n := range names {
		if g.Files[n], err = read(o, n); err != nil {
			return fail(err)
		}
	}
	return g, nil
}

// maxFiles is how many files of one generation are read: beside MaxFile, what
// bounds the memory that somebody else's files take.
const maxFiles = 10_000

// Flip makes files, and nothing else, what consumers see. Each step is durable
// before the next relies on it:
//
//  1. the new generation is written in full and synced, its name too
//  2. Current is replaced by rename: from here on readers see the new files
//  3. links for new names follow, so none ever points to nothing
//  4. links of names that are gone are removed
//
// The generation before stays for those who read it now, until SweepGenerations.
// An error after step 2 wraps ErrInDoubt. A name that livekey did not link is
// replaced; whether that is allowed is for the caller to know.
func (d *Dir) Flip(files map[string][]byte, a Attr) error {
	gen := generationName()
	if err := d.fillGeneration(gen, files, a); err != nil {
		// What cannot be removed now, SweepGenerations removes at the next start.
		_ = d.removeGeneration(gen)
		return fmt.Errorf("write %s: %w", d.join(gen), hint(err))
	}
	if err := d.link(gen, Current); err != nil {
		_ = d.removeGeneration(gen)
		return fmt.Errorf("replace %s: %w", d.join(Current), hint(err))
	}
	if err := d.settle(files); err != nil {
		return fmt.Errorf("settle %s: %w: %w", d.path, ErrInDoubt, hint(err))
	}
	return nil
}

func (d *Dir) fillGeneration(gen string, files map[string][]byte, a Attr) (err error) {
	if err := d.ops.mkdir(gen); err != nil {
		return err
	}
	o, err := d.ops.sub(gen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	if err := o.setAttr(a.Dir()); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := fill(o, name, files[name], a, nil); err != nil {
			return err
		}
	}
	if err := o.sync(); err != nil {
		return err
	}
	return d.ops.sync()
}

// settle brings the links in line with the generation that is current now.
func (d *Dir) settle(files map[string][]byte) error {
	if err := d.ops.sync(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		linked, err := d.Linked(name)
		if err != nil {
			return err
		}
		if linked {
			continue
		}
		if err := d.link(Current+"/"+name, name); err != nil {
			return err
		}
	}
	stale, err := d.StaleLinks(files)
	if err != nil {
		return err
	}
	for _, name := range stale {
		if err := d.ops.remove(name); err != nil {
			return err
		}
	}
	return d.ops.sync()
}

// Linked says whether name is the link through which consumers see it.
func (d *Dir) Linked(name string) (bool, error) {
	kind, err := d.ops.lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && kind != fs.ModeSymlink {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	target, err := d.ops.readlink(name)
	return target == Current+"/"+name, err
}

// StaleLinks are the names that livekey linked and that files does not have.
func (d *Dir) StaleLinks(files map[string][]byte) ([]string, error) {
	names, err := d.ops.names()
	if err != nil {
		return nil, err
	}
	var stale []string
	for _, name := range names {
		if _, keep := files[name]; keep {
			continue
		}
		linked, err := d.Linked(name)
		if err != nil {
			return nil, err
		}
		if linked {
			stale = append(stale, name)
		}
	}
	return stale, nil
}

// link puts a symbolic link in place by rename: whatever was there is replaced,
// never followed, and at no time missing.
func (d *Dir) link(target, name string) error {
	tmp := tempName(Current)
	if err := d.ops.symlink(target, tmp); err != nil {
		return err
	}
	if err := d.ops.rename(tmp, name); err != nil {
		_ = d.ops.remove(tmp)
		return err
	}
	return nil
}

// SweepGenerations removes every generation that is not current, and what a
// crash left of Flip.
func (d *Dir) SweepGenerations() error {
	current, err := d.ops.readlink(Current)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sweep %s: %w", d.path, err)
	}
	names, err := d.ops.names()
	if err != nil {
		return fmt.Errorf("sweep %s: %w", d.path, err)
	}
	faults := []error{d.Sweep(Current)}
	for _, name := range names {
		if isGeneration(name) && name != current {
			faults = append(faults, d.removeGeneration(name))
		}
	}
	return errors.Join(faults...)
}

func (d *Dir) removeGeneration(gen string) error {
	o, err := d.ops.sub(gen)
	if err != nil {
		return fmt.Errorf("remove %s: %w", d.join(gen), err)
	}
	names, err := o.names()
	faults := []error{err}
	for _, name := range names {
		faults = append(faults, o.remove(name))
	}
	faults = append(faults, o.close(), d.ops.remove(gen))
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("remove %s: %w", d.join(gen), err)
	}
	return nil
}

func generationName() string {
	_, random, _ := strings.Cut(strings.TrimPrefix(tempName(Current), Temporary), "-")
	return time.Now().UTC().Format(generationTime) + random
}

func isGeneration(name string) bool {
	if len(name) != len(generationTime)+16 {
		return false
	}
	_, err := time.Parse(generationTime, name[:len(generationTime)])
	return err == nil
}

// Same says whether the generation is exactly files with these attributes.
func (g Generation) Same(files map[string][]byte, a Attr) bool {
	return a.Dir().Has(g.Attr) && maps.EqualFunc(g.Files, files, func(have File, want []byte) bool {
		return a.Has(have.Attr) && bytes.Equal(have.Data, want)
	})
}
