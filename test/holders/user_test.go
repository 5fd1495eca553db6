package holders_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/test/need"
)

// Users of the zoo: the second has a name on every system, the first on none.
const (
	stranger = 54321
	nobody   = 65534
)

var rootThings = []need.Thing{need.Root, need.Program("unshare")}

// keepAs starts an animal as another user.
func (z *zoo) keepAs(uid uint32, env []string, name string, args ...string) *exec.Cmd {
	z.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Dir = env, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return z.start(cmd)
}

func TestRootSeesAnotherUsersProcess(t *testing.T) {
	z := newZoo(t, "P5: root sees the holders of every user", need.Root)
	old := z.value()
	a := z.keepAs(nobody, []string{"K=" + old}, "/bin/sleep", "60")
	b := z.keepAs(stranger, []string{"K=" + old}, "/bin/sleep", "60")
	scan := z.look(z.wanted(old))
	users := map[int]string{}
	for _, s := range scan.Sightings {
		users[s.PID] = s.User
	}
	if len(users) != 2 || users[a.Process.Pid] != "nobody" || users[b.Process.Pid] != "54321" {
		t.Errorf("got %v", users)
	}
}

// A user sees what is his own, and is told that there is more.
func TestAUserSeesHisOwnAndIsToldOfTheRest(t *testing.T) {
	z := newZoo(t, "P5: where nobody may look is said", need.Root)
	old := z.value()
	own := z.keepAs(nobody, []string{"K=" + old}, "/bin/sleep", "60")
	z.keepAs(stranger, []string{"K=" + old}, "/bin/sleep", "60")
	scan := z.lookAs(nobody, z.wanted(old))
	if s := z.only(scan); s.PID != own.Process.Pid || s.UID != nobody {
		t.Errorf("got %+v", s)
	}
	if !contains(scan.Unseen, "process") {
		t.Errorf("nobody may not look at a stranger's process, and says %q", scan.Unseen)
	}
}

// The kernel shows the environment of a set-user-id program to nobody but root, not
// even to the user who started it.
func TestASetuidProgramIsSeenByRootAlone(t *testing.T) {
	z := newZoo(t, "P5: a setuid holder is seen by root, and unseen by others", need.Root)
	old := z.value()
	path := z.copyOf(program(t, "sleep"), "setuid-sleep")
	must(t, os.Chown(path, stranger, stranger))
	must(t, os.Chmod(path, 0o755|os.ModeSetuid))
	a := z.keepAs(nobody, []string{"K=" + old}, path, "60")

	s := z.only(z.look(z.wanted(old)))
	if s.PID != a.Process.Pid || s.Kind != holders.InProcess || s.Command != "setuid-sleep" {
		t.Errorf("root sees %+v", s)
	}
	if s.UID != stranger && s.UID != nobody {
		t.Errorf("it belongs to %d (%s): to whom it runs as, or to who started it", s.UID, s.User)
	}
	scan := z.lookAs(nobody, z.wanted(old))
	if len(scan.Sightings) != 0 {
		t.Errorf("nobody sees %+v", scan.Sightings)
	}
	if !contains(scan.Unseen, "process") {
		t.Errorf("and is not told that there is more: %q", scan.Unseen)
	}
}
