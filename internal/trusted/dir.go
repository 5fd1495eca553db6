package trusted

import "os"

// Dir refuses a folder of such files, to which others could add one: it returns nil, a
// *Refused, or an error of package os. On a mount that is read-only nobody can, whatever the
// mode says: Kubernetes mounts a ConfigMap so, with mode 0777.
func Dir(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if readOnly(path) {
		return nil
	}
	return Check(path, info)
}
