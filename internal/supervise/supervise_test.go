package supervise

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livekey/livekey/internal/key"
)

// fake is a child whose life a test tells.
type fake struct {
	exit   chan int
	onStop func(f *fake) // nil: it ends with 143 at once
	got    []string
}

func (f *fake) ended() <-chan int       { return f.exit }
func (f *fake) signal(s syscall.Signal) { f.got = append(f.got, unix.SignalName(s)) }
func (f *fake) spare()                  {}

func (f *fake) stop() {
	f.got = append(f.got, "stop")
	if f.onStop != nil {
		f.onStop(f)
		return
	}
	f.exit <- 143
}

func (f *fake) kill() {
	f.got = append(f.got, "kill")
	f.exit <- 137
}

// lives until it is stopped.
func lives(*fake) {}

// dies by itself.
func dies(after time.Duration, exit int) func(*fake) {
	return func(f *fake) { time.AfterFunc(after, func() { f.exit <- exit }) }
}

// ignoring ends only when it is killed.
func ignoring(f *fake) { f.onStop = func(*fake) {} }

// play is one Run over children that behave as told, one after another.
type play struct {
	*Supervisor
	signals  chan os.Signal
	children []*fake
	starts   []string // when each began, and with what
	failed   []string
	paused   int
	healthy  int
	result   chan int
	heardIt  bool
	began    time.Time
}

func run(t *testing.T, o Options, f func(p *play), behave ...func(*fake)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &play{signals: make(chan os.Signal), result: make(chan int, 1), began: time.Now()}
		o.Signals, o.Log = p.signals, slog.New(slog.DiscardHandler)
		o.Settle, o.StopTimeout = 5*time.Second, 10*time.Second
		o.Failed = func(suspects map[key.Name]key.Fingerprint, exit int) {
			p.failed = append(p.failed, fmt.Sprintf("%d %s", exit, show(Keys{Versions: suspects})))
		}
		o.Healthy = func() { p.healthy++ }
		p.Supervisor = newSupervisor(o, func(k Keys, _ bool) (life, error) {
			p.starts = append(p.starts, fmt.Sprintf("%s %s", time.Since(p.began), show(k)))
			if len(p.children) == len(behave) {
				t.Errorf("one more child starts: %q", p.starts)
				return nil, unstartable("app", os.ErrNotExist)
			}
			c := &fake{exit: make(chan int, 1)}
			act := behave[len(p.children)]
			p.children = append(p.children, c)
			if act == nil {
				return nil, unstartable("app", os.ErrNotExist)
			}
			act(c)
			return c, nil
		}, func(syscall.Signal) bool { return p.heardIt }, func() { p.paused++ })
		p.give("A=1")
		go func() {
			exit, err := p.Run(context.Background())
			if err != nil {
				t.Error(err)
			}
			p.result <- exit
		}()
		synctest.Wait()
		f(p)
	})
}

func show(k Keys) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(k.Versions)) {
		all = append(all, string(name)+"="+string(k.Versions[name]))
	}
	return strings.Join(all, " ")
}

// give delivers versions: "A=1 B=2".
func (p *play) give(text string) {
	k := Keys{Versions: map[key.Name]key.Fingerprint{}}
	for pair := range strings.FieldsSeq(text) {
		name, version, _ := strings.Cut(pair, "=")
		k.Versions[key.Name(name)] = key.Fingerprint(version)
	}
	p.Deliver(k)
}

// after lets time pass, and everybody do what is due by then.
func (p *play) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (p *play) send(sig os.Signal) {
	p.signals <- sig
	synctest.Wait()
}

func (p *play) ends(t *testing.T, want int) {
	t.Helper()
	if got := <-p.result; got != want {
		t.Errorf("exit %d, want %d", got, want)
	}
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

var restart = Options{OnChange: Change{Restart: true}, MaxRestarts: 5}

func TestKeysThatChangeTogetherCostOneRestart(t *testing.T) {
	run(t, restart, func(p *play) {
		p.after(time.Minute)
		p.give("A=2")
		p.after(gather / 2)
		p.give("A=2 B=1")
		p.after(time.Minute)
		same(t, "starts", p.starts, "0s A=1", "1m0.75s A=2 B=1")
		same(t, "the first heard", p.children[0].got, "stop")
		p.children[1].exit <- 3
		p.ends(t, 3)
		same(t, "failed", p.failed)
	}, lives, lives)
}

func TestAVersionThatIsTakenBackInTimeCostsNoRestart(t *testing.T) {
	run(t, restart, func(p *play) {
		p.give("A=2")
		p.after(gather / 2)
		p.give("A=1")
		p.after(time.Minute)
		same(t, "starts", p.starts, "0s A=1")
		p.children[0].exit <- 0
		p.ends(t, 0)
	}, lives)
}

func TestAChildThatDoesNotEndIsKilled(t *testing.T) {
	run(t, restart, func(p *play) {
		p.give("A=2")
		p.after(time.Minute)
		same(t, "starts", p.starts, "0s A=1", "10.5s A=2")
		same(t, "the first heard", p.children[0].got, "stop", "kill")
		p.children[1].exit <- 0
		p.ends(t, 0)
	}, ignoring, lives)
}

func TestTheEndOfAChildIsTheEnd(t *testing.T) {
	for name, exit := range map[string]int{"well": 0, "badly": 1, "by a signal": 139} {
		t.Run(name, func(t *testing.T) {
			run(t, restart, func(p *play) { p.ends(t, exit) }, dies(time.Second, exit))
		})
	}
	t.Run("also of one that has settled after a rotation", func(t *testing.T) {
		run(t, restart, func(p *play) {
			p.give("A=2")
			p.ends(t, 1)
			same(t, "failed", p.failed)
		}, lives, dies(6*time.Second, 1))
	})
	t.Run("also of one that did its work at once after a rotation", func(t *testing.T) {
		run(t, restart, func(p *play) {
			p.give("A=2")
			p.ends(t, 0)
		}, lives, dies(time.Second, 0))
	})
}

func TestAKeyThatTheChildFailsWithIsTakenBack(t *testing.T) {
	run(t, restart, func(p *play) {
		p.give("A=1 B=1")
		p.after(time.Minute)
		p.give("A=2 B=1")
		p.after(1600 * time.Millisecond) // told, stopped, started, failed after a second
		same(t, "failed", p.failed, "1 A=2")
		p.give("A=1 B=1")
		p.after(time.Minute)
		same(t, "starts", p.starts, "0s A=1", "500ms A=1 B=1", "1m0.5s A=2 B=1", "1m1.6s A=1 B=1")
		same(t, "failed", p.failed, "1 A=2")
		p.children[3].exit <- 9
		p.ends(t, 9)
	}, lives, lives, dies(time.Second, 1), lives)
}

func TestWithoutAnOldKeyTheNewOneIsTriedEverMoreSlowlyUpToALimit(t *testing.T) {
	fails := dies(time.Second, 42)
	run(t, restart, func(p *play) {
		p.give("A=2")
		p.ends(t, 42)
		same(t, "starts", p.starts, "0s A=1", "500ms A=2", "2.5s A=2", "5.5s A=2", "10.5s A=2", "19.5s A=2", "36.5s A=2")
	}, lives, fails, fails, fails, fails, fails, fails)
}

func TestAHealthyChildEndsTheCountOfFailures(t *testing.T) {
	once := restart
	once.MaxRestarts = 1
	fails := dies(time.Second, 1)
	run(t, once, func(p *play) {
		for _, version := range []string{"A=2", "A=3", "A=4"} {
			p.give(version)
			p.after(time.Minute)
		}
		same(t, "failed", p.failed, "1 A=2", "1 A=3", "1 A=4")
		if p.healthy != 3 {
			t.Errorf("%d children on trial were healthy, want 3", p.healthy)
		}
		p.children[6].exit <- 0
		p.ends(t, 0)
	}, lives, fails, lives, fails, lives, fails, lives)
}

func TestAProgramThatIsGoneIsAFailureToo(t *testing.T) {
	once := restart
	once.MaxRestarts = 1
	run(t, once, func(p *play) {
		p.give("A=2")
		p.ends(t, 127)
		same(t, "failed", p.failed, "127 A=2")
	}, lives, nil, nil)
}

func TestWhoIsToldToEndIsNotStartedAgain(t *testing.T) {
	t.Run("TERM", func(t *testing.T) {
		run(t, restart, func(p *play) {
			p.send(unix.SIGTERM)
			p.give("A=2")
			p.after(time.Hour) // it takes its time to drain
			same(t, "heard", p.children[0].got, "SIGTERM")
			p.children[0].exit <- 143
			p.ends(t, 143)
		}, lives)
	})
	t.Run("TERM while it is being stopped for a restart: no KILL", func(t *testing.T) {
		run(t, restart, func(p *play) {
			p.give("A=2")
			p.after(time.Second)
			p.send(unix.SIGTERM)
			p.after(time.Hour)
			same(t, "heard", p.children[0].got, "stop")
			p.children[0].exit <- 0
			p.ends(t, 0)
		}, ignoring)
	})
	t.Run("INT on trial", func(t *testing.T) {
		run(t, restart, func(p *play) {
			p.give("A=2")
			p.after(time.Second)
			p.send(unix.SIGINT)
			p.children[1].exit <- 130
			p.ends(t, 130)
			same(t, "failed", p.failed)
		}, lives, lives)
	})
	t.Run("between two children", func(t *testing.T) {
		run(t, restart, func(p *play) {
			p.give("A=2")
			p.after(2 * time.Second)
			p.send(unix.SIGUSR1) // nobody is there to hear it
			p.send(unix.SIGHUP)
			p.ends(t, 129)
		}, lives, dies(time.Second, 1))
	})
}

// As a shell survives Ctrl-C.
func TestAChildThatSurvivesASignalIsRestartedAsBefore(t *testing.T) {
	run(t, restart, func(p *play) {
		p.send(unix.SIGINT)
		p.after(time.Hour)
		p.give("A=2")
		p.after(time.Minute)
		same(t, "starts", p.starts, "0s A=1", "1h0m0.5s A=2")
		p.children[1].exit <- 0
		p.ends(t, 0)
	}, lives, lives)
}

func TestSignalsAreForwardedOnce(t *testing.T) {
	run(t, restart, func(p *play) {
		p.send(unix.SIGUSR1)
		p.send(unix.SIGTSTP)
		p.heardIt = true // the terminal sent it to both
		p.send(unix.SIGINT)
		same(t, "heard", p.children[0].got, "SIGUSR1", "SIGTSTP")
		if p.paused != 1 {
			t.Errorf("livekey stopped itself %d times", p.paused)
		}
		p.children[0].exit <- 130
		p.ends(t, 130)
	}, lives)
}

func TestOtherWaysToHearOfAChange(t *testing.T) {
	for text, want := range map[string][]string{"none": nil, "signal:HUP": {"SIGHUP"}} {
		t.Run(text, func(t *testing.T) {
			var o Options
			if err := o.OnChange.Set(text); err != nil {
				t.Fatal(err)
			}
			run(t, o, func(p *play) {
				p.give("A=2")
				p.after(time.Second)
				p.give("A=2")
				p.after(time.Minute)
				same(t, "heard", p.children[0].got, want...)
				p.children[0].exit <- 1
				p.ends(t, 1)
				same(t, "failed", p.failed)
			}, lives)
		})
	}
}

func TestAChangeIsWrittenAsItIsRead(t *testing.T) {
	for text, want := range map[string]string{
		"restart": "restart", "none": "none", "signal:HUP": "signal:HUP", "signal:sigusr1": "signal:USR1", "signal:NO": "", "signal:KILL": "", "signal:SIGSTOP": "", "HUP": "", "": "",
	} {
		var c Change
		if err := c.Set(text); (err == nil) != (want != "") || err == nil && c.String() != want {
			t.Errorf("%q: %q, %v", text, c.String(), err)
		}
	}
}
