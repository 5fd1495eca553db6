package main

import "testing"

func TestOnlyCleanPagesAreGivenBack(t *testing.T) {
	for _, c := range []struct {
		rule, mode, line string
		want             bool
	}{
		{"the program's code", "r-xp", "00400000-00a03000 r-xp 00000000 fe:00 9987686   /usr/bin/livekey", true},
		{"its constants", "r--p", "00a03000-01047000 r--p 00603000 fe:00 9987686   /usr/bin/livekey", true},
		{"its variables stay", "rw-p", "01047000-01080000 rw-p 00c47000 fe:00 9987686   /usr/bin/livekey", false},
		{"memory of no file stays", "r--p", "7ffd000-7ffe000 r--p 00000000 00:00 0", false},
		{"what the kernel put there stays", "r-xp", "7ffd000-7ffe000 r-xp 00000000 00:00 0   [vdso]", false},
	} {
		if got := clean(c.mode, c.line); got != c.want {
			t.Errorf("%s: %v", c.rule, got)
		}
	}
	giveBack() // and the test goes on
}
