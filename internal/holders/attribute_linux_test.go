package holders

import (
	"os"
	"strings"
	"testing"

	"github.com/livekey/livekey/internal/key"
)

func TestAProcessIsAttributedToItsOwnUserAlone(t *testing.T) {
	uid := uint32(os.Getuid())
	c := Attribute(os.Getpid(), uid)
	if _, err := key.ParseConsumer(string(c)); err != nil {
		t.Errorf("this process is %q: %v", c, err)
	}
	if c.Kind() == key.ConsumerProcess && !strings.HasSuffix(c.Name(), "/holders.test") {
		t.Errorf("this process is %q", c)
	}
	if c := Attribute(os.Getpid(), uid+1); c != "" {
		t.Errorf("of another user it is %q", c)
	}
	if c := Attribute(1<<22+1, uid); c != "" { // above every pid
		t.Errorf("a process that is none is %q", c)
	}
}
