package soak

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/key"
)

var errDown = errors.New("connection refused")

// backSoon is how soon after a backend is back what it has is delivered.
const backSoon = 5 * time.Second

// An outage of the source takes no key away, is told once, and is over a moment after
// the source is: however long it was, and although everything rotated meanwhile.
func TestAnOutageOfTheSourceIsSurvived(t *testing.T) {
	for name, outage := range map[string]time.Duration{
		"ten minutes": 10 * time.Minute, "nine hours": 9 * time.Hour, "two days": 48 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(t, "A", "B", "C")
				m.start()
				defer m.stop()
				pass(time.Hour)
				m.holds(0)
				written := m.sink.writes.Load()

				m.records.fail(errDown)
				pass(outage / 2)
				m.rotate(1)
				pass(outage / 2)
				m.holds(0)
				if n := m.sink.writes.Load(); n != written {
					t.Errorf("the sink was written %d times during the outage", n-written)
				}
				m.opened(map[key.Cause]int{key.SourceUnreachable: 1})

				m.records.fail(nil)
				pass(backSoon)
				m.holds(1)
				m.opened(map[key.Cause]int{key.SourceUnreachable: 1})
				if n := m.channel.unresolved(); n != 0 {
					t.Errorf("%d alerts are open after the outage", n)
				}
			})
		})
	}
}

// Started again while nothing else works, livekey keeps what it delivered, is ready when
// startup_wait is over, and says what is down. When all is back, so is livekey.
func TestARestartWithEverythingDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, "A", "B", "C")
		asked := &issuer{}
		m.issuer = asked
		m.start()
		pass(time.Hour)
		m.stop()
		m.holds(0)
		written := m.sink.writes.Load()

		m.records.fail(errDown)
		asked.silent.Store(true)
		m.channel.fail(errDown)
		m.rotate(1)
		began := time.Now()
		m.start()
		defer func() { m.stop() }()
		<-m.engine.Started()
		if took := time.Since(began); took > startupWait+time.Second {
			t.Errorf("ready after %s", took)
		}
		pass(time.Hour)
		m.holds(0)
		m.stop() // and once more, in the middle of it
		m.start()
		pass(time.Hour)
		m.holds(0)
		if n := m.sink.writes.Load(); n != written {
			t.Errorf("the sink was written %d times while everything was down", n-written)
		}
		if err := m.engine.Alive(); err != nil {
			t.Error(err)
		}

		m.channel.fail(nil)
		pass(10 * time.Minute) // what was kept for the channel goes out
		m.opened(map[key.Cause]int{key.SourceUnreachable: 1, key.IssuerUnreachable: 1})
		asked.silent.Store(false)
		m.records.fail(nil)
		pass(backSoon)
		m.holds(1)
		pass(2 * probe)
		if n := m.channel.unresolved(); n != 0 {
			t.Errorf("%d alerts are open although all is well: %v", n, m.channel.all())
		}
	})
}
