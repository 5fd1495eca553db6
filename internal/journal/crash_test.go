package journal

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const envCrashDir = "LIVEKEY_JOURNAL_CRASH_DIR"

// TestMain makes the test binary the writer that TestNoAcknowledgedRecordIsLost kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(envCrashDir); dir != "" {
		writeUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// writeUntilKilled says each number on stdout once it is on disk. Its records are
// large, so that many kills hit a compaction.
func writeUntilKilled(dir string) {
	j, err := Open(dir, quiet)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var last delivery
	if _, err := j.Get("d", "app", &last); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	pad := strings.Repeat("x", 60<<10)
	for n := last.N + 1; ; n++ {
		_ = j.Put("pad", fmt.Sprint(n%2), fmt.Sprint(n, pad))
		if err := j.PutSync("d", "app", delivery{pad, n}); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

func TestNoAcknowledgedRecordIsLost(t *testing.T) {
	self, err := os.Executable()
	must(t, err)
	kills := 50
	if testing.Short() {
		kills = 10
	}
	dir, rnd, total := t.TempDir(), rand.New(rand.NewPCG(1, 2)), 0
	for range kills {
		child := exec.Command(self)
		child.Env = append(os.Environ(), envCrashDir+"="+dir)
		out, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		acked := 0
		lines := bufio.NewScanner(out)
		if lines.Scan() { // from the first acknowledgment on, any moment may be the last
			time.AfterFunc(time.Duration(rnd.IntN(15000))*time.Microsecond, func() { _ = child.Process.Kill() })
		}
		for ok := true; ok; ok = lines.Scan() {
			if _, err := fmt.Sscan(lines.Text(), &acked); err != nil {
				t.Fatalf("the writer says: %s", lines.Text())
			}
		}
		_ = child.Wait()
		j := open(t, dir)
		var d delivery
		found, err := j.Get("d", "app", &d)
		must(t, err)
		if !found || d.N < acked || d.N > acked+1 {
			t.Fatalf("acknowledged %d, found %d", acked, d.N)
		}
		total = d.N
		must(t, j.Close())
	}
	if total < kills {
		t.Fatalf("only %d records in %d runs", total, kills)
	}
}
