package procfs

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// statText is that of a process whose name looks like what follows it.
const statText = "7 (a) (b S 9 9) S 3 0 0 0 0 0 0 0 0 0 40 2 0 0 0 0 0 0 12345 4096 7 0\n"

func TestStat(t *testing.T) {
	if got, ok := ParseStat([]byte(statText)); !ok || got != (Stat{State: 'S', Parent: 3, CPU: 42, Start: 12345, Virtual: 4096, Resident: 7}) {
		t.Errorf("got %+v, %v", got, ok)
	}
	for _, bad := range []string{"", "7 (x", "7 (x) S 1 2 3", strings.Replace(statText, " 12345 ", " x ", 1), strings.Replace(statText, " 7 0", " -7 0", 1), strings.Replace(statText, "S 3", "S -3", 1)} {
		if _, ok := ParseStat([]byte(bad)); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

const statusText = "Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t5\t5\t5\nGroups:\t6 7 \nVmSize:\t1 kB\nSigCgt:\t0000000000004001\nCapEff:\t0000000000080000\n"

func TestStatus(t *testing.T) {
	s, err := ParseStatus([]byte(statusText))
	if err != nil || s.Real != 1 || s.UID != 2 || !slices.Equal(s.Groups, []int{5, 5, 5, 5, 6, 7}) || !s.Memory || s.Caps != 1<<19 || s.Caught != 1|1<<14 {
		t.Errorf("got %+v, %v", s, err)
	}
	if s, err := ParseStatus([]byte(strings.Replace(statusText, "VmSize", "VmOther", 1))); err != nil || s.Memory {
		t.Errorf("a kernel thread has no memory: got %+v, %v", s, err)
	}
	for name, bad := range map[string]string{
		"Uid": "Uid:\t-1\t-1\n", "Gid": "Gid:\tx\n", "Groups": "Groups:\t1 x 2\n", "CapEff": "CapEff:\tzz\n", "SigCgt": "SigCgt:\n",
	} {
		var rest strings.Builder
		for line := range strings.Lines(statusText) {
			if !strings.HasPrefix(line, name+":") {
				rest.WriteString(line)
			}
		}
		for what, text := range map[string]string{"missing": rest.String(), "malformed": rest.String() + bad} {
			if _, err := ParseStatus([]byte(text)); err == nil || !strings.Contains(err.Error(), name+" ") {
				t.Errorf("%s is %s: %v", name, what, err)
			}
		}
	}
}

func TestTheKernelWritesWhatIsRead(t *testing.T) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Skip("no procfs is here")
	}
	if s, ok := ParseStat(stat); !ok || s.Parent != os.Getppid() || s.Virtual/uint64(os.Getpagesize()) < s.Resident || s.Resident == 0 {
		t.Errorf("%+v of %q", s, stat)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := ParseStatus(status); err != nil || s.UID != os.Geteuid() || !s.Memory || !slices.Contains(s.Groups, os.Getegid()) {
		t.Errorf("%+v, %v", s, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(statText))
	f.Add([]byte(statusText))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, ok := ParseStat(text); ok && s.Parent < 0 {
			t.Errorf("parent %d", s.Parent)
		}
		if s, err := ParseStatus(text); err == nil && s.UID < 0 {
			t.Errorf("uid %d", s.UID)
		}
	})
}
