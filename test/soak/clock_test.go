package soak

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/key"
)

const year = 365 * 24 * time.Hour

// A machine that starts with a clock far from what its journal says goes on as ever: it
// asks no more than it would, calls nothing dead that lives, and what rotates is delivered.
func TestAClockThatJumpsBetweenTwoRuns(t *testing.T) {
	for name, c := range map[string]struct{ before, after time.Duration }{ // from where every bubble begins
		"an hour back":  {2 * time.Hour, time.Hour},
		"an hour ahead": {time.Hour, 3 * time.Hour},
		"a year back":   {year, time.Hour},
		"a year ahead":  {time.Hour, year},
	} {
		t.Run(name, func(t *testing.T) {
			asked, dir := &issuer{}, t.TempDir()
			var m *machine
			run := func(at time.Duration, play func()) {
				synctest.Test(t, func(t *testing.T) {
					time.Sleep(at)
					before := m
					m = newMachine(t, "A", "B", "C")
					m.dir, m.issuer = dir, asked
					if before != nil {
						m.records, m.source, m.sink = before.records, before.records, before.sink
					}
					m.start()
					defer m.stop()
					play()
				})
			}
			run(c.before, func() {
				pass(time.Hour)
				m.rotate(1)
				pass(time.Hour)
				m.holds(1)
			})
			run(c.after, func() {
				pass(time.Minute)
				reads, probes, writes := m.records.reads.Load(), asked.asked.Load(), m.sink.writes.Load()
				pass(time.Hour)
				if n, most := m.records.reads.Load()-reads, int64(3*time.Hour/(refresh*8/10)); n > most {
					t.Errorf("%d reads in an hour, %d would be many", n, most)
				}
				if n := asked.asked.Load() - probes; n > 6*7 { // three keys, current and previous
					t.Errorf("%d probes in an hour", n)
				}
				if n := m.sink.writes.Load() - writes; n != 0 {
					t.Errorf("%d writes of what was there", n)
				}
				m.rotate(2)
				pass(time.Minute)
				m.holds(2)
				if err := m.engine.Alive(); err != nil {
					t.Error(err)
				}
				// The version of before is valid longer than grace, if the clock is right.
				overlaps := m.channel.opened(key.OverlapTooLong)
				m.opened(map[key.Cause]int{key.OverlapTooLong: overlaps})
			})
		})
	}
}
