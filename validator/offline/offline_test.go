package offline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/validator"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func coded(parts, with map[string]string) validator.Coded {
	return validator.Coded{Part: func(name string) string { return parts[name] }, With: with, Now: now}
}

// short is how many bytes of a value in a row may be in a fact by chance.
const short = 12

// tellsNothing fails if a fact has a piece of what is secret.
func tellsNothing(t *testing.T, facts map[string]any, secrets ...string) {
	t.Helper()
	for name, fact := range facts {
		text := fmt.Sprint(fact)
		for _, s := range secrets {
			for i := 0; i+short <= len(s); i++ {
				if strings.Contains(text, s[i:i+short]) {
					t.Fatalf("the fact %s has a piece of the value", name)
				}
			}
		}
	}
}
