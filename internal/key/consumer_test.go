package key_test

import (
	"testing"

	"github.com/livekey/livekey/internal/key"
)

func TestConsumersAreAKindAndAName(t *testing.T) {
	for text, ok := range map[string]bool{
		"unit:app.service": true, "pod:shop/api": true, "host:web-2": true, "container:3f2a": true,
		"user-unit:ada/app.service": true, "process:ada/gunicorn": true,
		"": false, "app.service": false, "unit:": false, "service:app": false, "unit:a b": false, "unit:a\nb": false,
		"host:\u009b31mred": false, "host:a\u202eb": false, "host:a\xffb": false, "host:a\u00a0b": false, "process:ada/größe": true,
		"pod:api": false, "unit:app": false, "user-unit:ada/app": false, "unit:session-3.scope": true, "pod:/api": false, "process:gunicorn": false,
	} {
		c, err := key.ParseConsumer(text)
		if (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
		if ok && key.NewConsumer(c.Kind(), c.Name()) != c {
			t.Errorf("%q is %q and %q", text, c.Kind(), c.Name())
		}
	}
}
