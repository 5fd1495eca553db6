//go:build !linux

package atomicfile

// InMemory is false where livekey cannot tell.
func (d *Dir) InMemory() (bool, error) { return false, nil }

func (d *Dir) mounted(string) (bool, error) { return false, nil }
