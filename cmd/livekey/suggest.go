package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/livekey/livekey/internal/suggest"
)

// flagError adds the flag that was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	var none *pflag.NotExistError
	if !errors.As(err, &none) {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return fmt.Errorf("%w%s", err, didYouMean(none.GetSpecifiedName(), names, "--"))
}

// didYouMean is a hint to the name that is nearest to word, or that it begins;
// "" if there is none.
func didYouMean(word string, names []string, prefix string) string {
	best := suggest.Nearest(word, names)
	for _, name := range names {
		if best == "" && len(word) >= 2 && strings.HasPrefix(name, word) {
			best = name
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", prefix+best)
}
