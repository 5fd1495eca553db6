package holders_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/holders"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/secret"
)

// scans is how often a zoo is looked at while it changes.
const scans = 50

// Children are born and die between the listing and the look: no scan fails, each finds
// the one that stays, and none says of a process what was true of another.
func TestAForkStorm(t *testing.T) {
	z := newZoo(t, "P5: a process that ends during the scan does no harm")
	old, other := z.value(), z.value()
	stays := z.keep([]string{"K=" + old}, "/bin/sleep", "60")
	stop := make(chan struct{})
	var storm sync.WaitGroup
	var born [2]int
	for i := range born {
		storm.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				cmd := exec.Command("/bin/true")
				cmd.Env = []string{"K=" + other, "PATH=/bin"}
				if cmd.Run() == nil {
					born[i]++
				}
			}
		})
	}
	for range scans {
		s := z.only(z.look(z.wanted(old)))
		if s.PID != stays.Process.Pid || s.Command != "sleep" {
			t.Errorf("got %+v", s)
		}
	}
	close(stop)
	storm.Wait()
	if born[0]+born[1] < scans {
		t.Errorf("a storm of %d processes is none", born[0]+born[1])
	}
}

// turns makes a process that becomes another program all the time: a shell called one
// with one value under the name ONE, a shell called two with the other under TWO.
const turns = `if [ "$ONE" ]; then exec env -i TWO="$NEXT" NEXT="$ONE" PATH="$PATH" two -c "$0" "$0"
else exec env -i ONE="$NEXT" NEXT="$TWO" PATH="$PATH" one -c "$0" "$0"; fi`

// A process that executes another program while it is read was one or the other: what is
// said of it holds of one moment.
func TestAnExecBetweenReads(t *testing.T) {
	z := newZoo(t, "P5: a process that executes another program during the scan is seen as one of both")
	first, second := z.value(), z.value()
	shell := program(t, "sh")
	one, two := z.copyOf(shell, "one"), z.copyOf(shell, "two")
	path := "PATH=" + filepath.Dir(one) + ":" + filepath.Dir(two) + ":/bin:/usr/bin"
	z.keep([]string{"ONE=" + first, "NEXT=" + second, path}, one, "-c", turns, turns)
	seen := map[string]int{}
	w := z.wanted(first, second)
	for end := time.Now().Add(patience); time.Now().Before(end) && (seen["ONE"] < scans || seen["TWO"] < scans); {
		for _, s := range z.look(w).Sightings {
			seen[s.Variable]++
			mixed := s.Variable == "ONE" && (s.Print != z.print(first) || s.Command == "two") ||
				s.Variable == "TWO" && (s.Print != z.print(second) || s.Command == "one")
			if mixed {
				t.Fatalf("what is said is of two moments: %+v", s)
			}
		}
	}
	if seen["ONE"] == 0 || seen["TWO"] == 0 {
		t.Errorf("it was not seen as both: %v", seen)
	}
}

// The pid that reuseRole gives to everybody.
const reusedPID = 300

// A reuse is what reuseRole saw.
type reuse struct {
	Reused, Scans, Right int
	Wrong                []holders.Sighting
}

// One process ends and another gets its number, again and again, while scans run: a scan
// that takes the environment of the one for that of the other accuses the innocent.
func TestAProcessIDThatIsUsedAgain(t *testing.T) {
	z := newZoo(t, "P5: a process id that is used again accuses nobody else", rootThings...)
	old := z.value()
	asked, err := json.Marshal(question{Salt: z.salt, Prints: z.wanted(old).Prints})
	must(t, err)
	cmd := exec.CommandContext(t.Context(), "unshare", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child",
		self(t), "reuse", string(asked), z.copyOf(program(t, "sleep"), "holder"), z.copyOf(program(t, "sleep"), "bystander"))
	// Not in the environment: until its exec, a child has that of its parent.
	cmd.Env, cmd.Stdin = []string{"PATH=/bin:/usr/bin"}, strings.NewReader(old)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	must(t, err)
	var r reuse
	must(t, json.Unmarshal(out, &r))
	t.Logf("%d processes had the number %d, %d scans saw the right one %d times", r.Reused, reusedPID, r.Scans, r.Right)
	if r.Reused < 50 || r.Right == 0 {
		t.Errorf("the number was used %d times, and the holder seen %d times: too few to tell", r.Reused, r.Right)
	}
	if len(r.Wrong) > 0 {
		t.Errorf("accused %d times, first %+v", len(r.Wrong), r.Wrong[0])
	}
}

// reuseRole is the first process of a PID namespace, in which it chooses the numbers.
func reuseRole() error {
	var q question
	if err := json.Unmarshal([]byte(os.Args[2]), &q); err != nil {
		return err
	}
	guilty, innocent := os.Args[3], os.Args[4]
	value, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var r reuse
	stop, done := make(chan struct{}), make(chan error)
	go func() { done <- r.scan(q, stop) }()
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		for _, name := range []string{guilty, innocent} {
			cmd := exec.Command(name, "60")
			if cmd.Env = []string{}; name == guilty {
				cmd.Env = []string{"K=" + string(value)}
			}
			if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(reusedPID-1)), 0); err != nil {
				return fmt.Errorf("choose a process id: %w", err)
			}
			if err := cmd.Start(); err != nil {
				return err
			}
			if cmd.Process.Pid == reusedPID { // a thread of ours may have taken it
				r.Reused++
			}
			time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	close(stop)
	if err := <-done; err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func (r *reuse) scan(q question, stop <-chan struct{}) error {
	looker := holders.NewLocal(holders.Options{})
	w := holders.Wanted{Hasher: secret.NewHasher(secret.New([]byte(q.Salt))), Prints: []key.Fingerprint{q.Prints[0]}}
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		scan, err := looker.Look(contextOfRole(), w)
		if err != nil {
			return err
		}
		r.Scans++
		for _, s := range scan.Sightings {
			switch s.Command {
			case "holder":
				r.Right++
			case "bystander":
				r.Wrong = append(r.Wrong, s)
			}
		}
	}
}
