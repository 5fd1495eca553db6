package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// signaled is the on_change of a supervisor: $WAIT_RELOAD is how long livekey gathers
// changes before it tells of them, $SETTLE how long the supervisor must stay up then.
const signaled = `on_change: {signal: HUP, pid_file: $DIR/app.pid, wait: {min: $GATHER, max: $GATHER}, settle: $SETTLE}`

// oneSink delivers all keys to an env file whose consumer is a supervisor.
const oneSink = `
sinks:
  app: {kind: env_file, path: $DIR/sinks/app/app.env, dialect: systemd, keys: all, ` + signaled + `}
`

// supervisorScript starts a child with the key A of an env file in its environment at the
// first SIGHUP, and another in its place at each that follows. It keeps count of them.
const supervisorScript = `
next() {
	[ -z "$child" ] || kill "$child"
	A=$(sed -n 's/^A=//p' "$ENV_FILE" | tr -d '"')
	env A="$A" sleep 120 &
	child=$!
}
trap 'echo >>"$SIGNALS"; next' HUP
trap 'kill "$child"; exit' TERM
echo $$ >"$PID_FILE.new" && mv "$PID_FILE.new" "$PID_FILE"
while :; do
	wait
	[ -n "$child" ] || sleep 0.05
done
`

// A supervisor is a consumer of the env file: a shell with a child that was started with
// the key.
type supervisor struct {
	w   *world
	cmd *exec.Cmd
}

// supervise starts one, which ends with the test.
func (w *world) supervise() *supervisor {
	w.t.Helper()
	cmd := exec.Command("/bin/sh", "-c", supervisorScript)
	cmd.Env = []string{
		"PATH=/usr/bin:/bin", "ENV_FILE=" + w.path("sinks/app/app.env"), "PID_FILE=" + w.path("app.pid"), "SIGNALS=" + w.path("signals"),
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(w.t, cmd.Start())
	w.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	w.until("the supervisor is ready for signals", patience, func() error {
		_, err := os.Stat(w.path("app.pid"))
		return err
	})
	return &supervisor{w, cmd}
}

// signals is how often it was told.
func (s *supervisor) signals() int {
	b, err := os.ReadFile(s.w.path("signals"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.w.t.Fatal(err)
	}
	return strings.Count(string(b), "\n")
}

// told says whether it was told so often, and no more.
func (s *supervisor) told(times int) func() error {
	return func() error {
		if n := s.signals(); n != times {
			return fmt.Errorf("the supervisor was signaled %d times, not %d", n, times)
		}
		return nil
	}
}

// child is the process that was started with the key, 0 between two.
func (s *supervisor) child() int {
	pid := s.cmd.Process.Pid
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	must(s.w.t, err)
	fields := strings.Fields(string(b))
	if len(fields) != 1 {
		return 0
	}
	child, err := strconv.Atoi(fields[0])
	must(s.w.t, err)
	return child
}

// runsWith says whether the child was started with the value.
func (s *supervisor) runsWith(value string) func() error {
	return func() error {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", s.child()))
		if err != nil || !strings.Contains(string(b), "A="+value+"\x00") {
			return fmt.Errorf("the child was started with another value (%w)", err)
		}
		return nil
	}
}

// whoHas is what `livekey who-has` says of a key, after a look.
func (w *world) whoHas(name string) report.WhoHas {
	w.t.Helper()
	r := w.livekey("who-has", name, "--output", "json")
	var seen report.WhoHas
	if err := json.Unmarshal([]byte(r.stdout), &seen); err != nil {
		w.t.Fatalf("livekey who-has exits %d with no JSON: %v\n%s", r.exit, err, r.stderr)
	}
	return seen
}

// sees says whether a process is seen with a version of the key A.
func (w *world) sees(pid int, stage report.Held) func() error {
	return func() error {
		for _, h := range w.whoHas("A").Holders {
			if h.PID == pid {
				if h.Stage != stage {
					return fmt.Errorf("process %d is said to have the %s version, not the %s one", pid, h.Stage, stage)
				}
				return nil
			}
		}
		return fmt.Errorf("process %d is not named", pid)
	}
}

// hasAdopted says whether a consumer of the key A is known to have what is delivered.
func (w *world) hasAdopted(command string) func() error {
	return func() error {
		for _, a := range w.key("A").Adoption {
			if strings.HasSuffix(string(a.Consumer), command) && a.Stage == key.StageCurrent {
				return nil
			}
		}
		return fmt.Errorf("no consumer %s that has adopted what is delivered", command)
	}
}

// owed says whether a reload is owed for the sinks of the key A.
func (w *world) owed(want bool) func() error {
	return func() error {
		for _, s := range w.key("A").Sinks {
			if s.ReloadOwed != want {
				return fmt.Errorf("sink %s: reload_owed is %t", s.Name, s.ReloadOwed)
			}
		}
		return nil
	}
}

// gather sets how long livekey gathers changes, and how long a consumer must stay up.
func (w *world) gather(wait, settle time.Duration) {
	w.vars["GATHER"], w.vars["SETTLE"] = wait.String(), settle.String()
}
