package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/livekey/livekey/internal/atomicfile"
	"github.com/livekey/livekey/internal/config"
	"github.com/livekey/livekey/sinks"
	"github.com/livekey/livekey/sinks/directory"
)

// removeLeftover takes away what a sink that is no longer configured wrote at
// path, if it still carries livekey's marker. What is not there is no error.
func removeLeftover(ctx context.Context, path string) error {
	if !filepath.IsAbs(path) { // of a cluster that the config no longer tells how to reach
		return fmt.Errorf("%s stays: take its entries away with kubectl, those that its annotation livekey.dev/variables names", path)
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	kind, remove := "env_file", removeFile
	if info.IsDir() {
		kind, remove = "directory", removeDirectory
	}
	if err := marked(ctx, kind, path); err != nil {
		return err
	}
	return remove(path)
}

// marked is nil if a sink of this kind says that what is at path is livekey's.
func marked(ctx context.Context, kind, path string) error {
	settings, err := config.Parse("journal", "sinks", "path: "+strconv.Quote(path))
	if err != nil {
		return err
	}
	sink, err := sinkKinds[kind](sinks.Env{Name: kind}, settings)
	if err != nil {
		return err
	}
	reader, ok := sink.(sinks.Reader)
	if !ok {
		return fmt.Errorf("a sink of kind %s cannot be read back: remove %s yourself", kind, path)
	}
	// The dialect is forgotten, so the content may not parse; its marker is
	// the same in all of them.
	content, err := reader.Read(ctx)
	if content.Marked {
		return nil
	}
	if err == nil {
		err = sinks.ErrForeign
	}
	return fmt.Errorf("%s stays: %w", path, err)
}

func removeFile(path string) error {
	d, err := atomicfile.Open(filepath.Dir(path), atomicfile.Options{Reader: -1})
	if err != nil {
		return err
	}
	name := filepath.Base(path)
	return errors.Join(d.Sweep(name), d.Remove(name), d.Close())
}

// removeDirectory takes away what livekey made in a directory, and the directory
// itself if nothing else is in it.
func removeDirectory(path string) (err error) {
	d, err := atomicfile.Open(path, atomicfile.Options{Reader: -1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	links, err := d.StaleLinks(nil)
	if err != nil {
		return err
	}
	for _, name := range append(links, atomicfile.Current) {
		if err := d.Remove(name); err != nil {
			return err
		}
	}
	// The marker goes last: cut off before, the next clean still finds it.
	if err := errors.Join(d.SweepGenerations(), d.Remove(directory.Marker)); err != nil {
		return err
	}
	rest, err := d.Names()
	if err != nil || len(rest) > 0 {
		return err
	}
	return os.Remove(path)
}
