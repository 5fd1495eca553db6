package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Annotations by which an importer finds the image's name in the archive.
const (
	refName        = "org.opencontainers.image.ref.name" // the tag, of the OCI's own
	containerdName = "io.containerd.image.name"          // all of it
)

// pack writes the archive; a file that was there stays whole until it is replaced.
func pack(s spec) error {
	index, err := indexOf(s)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "livekey-image-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	if err := l.AppendIndex(index, layout.WithAnnotations(map[string]string{
		refName: tagOf(s.name), containerdName: s.name,
	})); err != nil {
		return err
	}
	partial := s.out + ".partial"
	if err := writeTar(partial, os.DirFS(dir), s.created); err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	return os.Rename(partial, s.out)
}

// indexOf is an image for each architecture under one name.
func indexOf(s spec) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range sorted(s.binaries) {
		image, err := imageOf(s, arch)
		if err != nil {
			return nil, fmt.Errorf("pack for %s: %w", arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return index, nil
}

func imageOf(s spec, arch string) (v1.Image, error) {
	files, err := rootOf(s, arch)
	if err != nil {
		return nil, err
	}
	text, err := archive(files, s.created)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(text)), nil
	}, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	if err != nil {
		return nil, err
	}
	labels := maps.Clone(s.labels)
	labels["org.opencontainers.image.title"] = s.title
	labels["org.opencontainers.image.created"] = s.created.Format(time.RFC3339)
	made := v1.Time{Time: s.created}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.ConfigFile(base, &v1.ConfigFile{
		OS: "linux", Architecture: arch, Created: made,
		RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			Entrypoint: []string{"/" + s.title},
			User:       fmt.Sprintf("%d:%d", user, user),
			WorkingDir: "/",
			Env:        []string{"PATH=/"},
			Labels:     labels,
		},
	})
	if err != nil {
		return nil, err
	}
	return mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{Created: made, CreatedBy: "tools/image"}})
}

// tagOf is what follows the last colon, unless that is of a registry's port.
func tagOf(name string) string {
	base := path.Base(name)
	for i := len(base) - 1; i >= 0; i-- {
		if base[i] == ':' {
			return base[i+1:]
		}
	}
	return "latest"
}

// writeTar writes a folder's regular files in the order of their names, each with the
// same time, owner and mode.
func writeTar(name string, folder fs.FS, made time.Time) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := tar.NewWriter(f)
	err = fs.WalkDir(folder, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(folder, p)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: p, Mode: 0o644, Size: int64(len(content)), ModTime: made}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err != nil {
		return err
	}
	return w.Close()
}
