package main

import (
	"maps"
	"testing"
)

func TestOnlyCleanPagesAreGivenBack(t *testing.T) {
	const smaps = `00400000-00a03000 r-xp 00000000 fe:00 9987686   /usr/bin/livekey
Rss:                4096 kB
Anonymous:             0 kB
00a03000-01047000 r--p 00603000 fe:00 9987686   /usr/bin/livekey
Anonymous:             0 kB
01047000-01080000 rw-p 00c47000 fe:00 9987686   /usr/bin/livekey
Anonymous:            16 kB
02000000-02001000 rw-p 00c47000 fe:00 9987686   /usr/bin/not-yet-written
Anonymous:             0 kB
03000000-03001000 r--p 00000000 fe:00 9987686   /usr/lib/relocated.so
Anonymous:             4 kB
04000000-04001000 r--p 00000000 00:00 0
Anonymous:             0 kB
7ffd0000-7ffe0000 r-xp 00000000 00:00 0         [vdso]
Anonymous:             0 kB
`
	got := maps.Collect(cleanMappings(smaps))
	if want := map[uintptr]uintptr{0x400000: 0xa03000, 0xa03000: 0x1047000}; !maps.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	giveBack() // and the test goes on
}
