// Package chart has a chart for the tests of the real one.
package chart

import (
	"os"
	"path/filepath"
)

// App makes dir the chart of an app that has livekey beside its container: livekey's chart is
// its dependency. For tests in a folder of test/.
func App(dir string) error {
	for from, to := range map[string]string{
		"../chart/testdata/app":     dir,
		"../../deploy/helm/livekey": filepath.Join(dir, "charts", "livekey"),
	} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			return err
		}
	}
	return nil
}
