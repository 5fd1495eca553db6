package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/livekey/livekey/internal/report"
)

// statusEvery is how often the STATUS= line is made anew where no watchdog sets a
// shorter beat. It is sent only when it changed.
const statusEvery = 15 * time.Second

// sendLimit is how long a message to systemd may take. One that does not read, stopped
// itself or busy with a full queue, must not hold livekey up.
const sendLimit = time.Second

// A notifier tells systemd how livekey is: ready after the first verdicts, reloading,
// stopping, and alive for as long as the engine is. Without a systemd that listens it
// says nothing. reloading and reloaded may be called beside run.
type notifier struct {
	ready  <-chan struct{}      // closed after the first verdicts
	alive  func() error         // what is stuck; nil while time goes on
	status func() report.Status // names only: STATUS= is open to everybody
	log    *slog.Logger

	send     func(state string) (sent bool, err error)
	watchdog time.Duration // systemd ends a livekey that is silent for so long; 0: it does not

	mu      sync.Mutex
	refused string // why the last reload changed nothing
	said    string // the last STATUS=
	owed    bool   // READY=1 was not heard
	stuck   bool   // it was logged that the engine is
}

func newNotifier(log *slog.Logger, ready <-chan struct{}, alive func() error, status func() report.Status) *notifier {
	n := &notifier{ready: ready, alive: alive, status: status, log: log, send: sendTo(os.Getenv("NOTIFY_SOCKET"))}
	var err error
	if n.watchdog, err = daemon.SdWatchdogEnabled(false); err != nil {
		log.Warn("watchdog not served", "err", err)
	}
	return n
}

// sendTo sends as daemon.SdNotify does, within sendLimit. An empty socket is nobody.
func sendTo(socket string) func(state string) (bool, error) {
	return func(state string) (sent bool, err error) {
		if socket == "" {
			return false, nil
		}
		conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
		if err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, conn.Close()) }()
		if err := conn.SetWriteDeadline(time.Now().Add(sendLimit)); err != nil {
			return false, err
		}
		_, err = conn.Write([]byte(state))
		return err == nil, err
	}
}

// run tells systemd until ctx ends.
func (n *notifier) run(ctx context.Context) {
	defer n.tell(daemon.SdNotifyStopping + "\nSTATUS=stopping; what is delivered stays")
	select {
	case <-n.ready:
	case <-ctx.Done():
		return
	}
	if !n.tell(daemon.SdNotifyReady + "\n" + n.line()) {
		<-ctx.Done()
		return
	}
	beat := time.NewTicker(n.beat())
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
			n.pulse()
		case <-ctx.Done():
			return
		}
	}
}

// beat is twice in the watchdog's time, so that one late beat is no death.
func (n *notifier) beat() time.Duration {
	if n.watchdog > 0 {
		return min(n.watchdog/2, statusEvery)
	}
	return statusEvery
}

// pulse is one beat. An engine that is stuck gets none, so that systemd starts livekey
// anew; one that holds the lock that the status needs gets none either.
func (n *notifier) pulse() {
	if err := n.alive(); err != nil {
		n.mu.Lock()
		first := !n.stuck
		n.stuck = true
		n.mu.Unlock()
		if first {
			n.log.Error("engine stuck, watchdog not served", "err", err)
		}
		return
	}
	n.mu.Lock()
	n.stuck = false
	before, owed := n.said, n.owed
	n.mu.Unlock()
	var state []string
	if owed {
		state = append(state, daemon.SdNotifyReady)
	}
	if line := n.line(); line != before {
		state = append(state, line)
	}
	if n.watchdog > 0 {
		state = append(state, daemon.SdNotifyWatchdog)
	}
	if len(state) > 0 {
		n.tell(strings.Join(state, "\n"))
	}
}

// reloading says that a new config is being taken; reloaded must follow. Before the first
// verdicts neither is told: READY=1 at the end of a reload would speak for them.
func (n *notifier) reloading() {
	if !n.isReady() {
		return
	}
	n.tell(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec() + "STATUS=reloading")
}

// reloaded says how it ended: err is why the config before still holds. It stays in
// the status until a reload goes well.
func (n *notifier) reloaded(err error) {
	n.mu.Lock()
	n.refused = ""
	if err != nil {
		lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }) // for systemd both end a line
		n.refused = "reload refused, the config before holds: " + strings.TrimSpace(append(lines, "")[0]) + "; "
	}
	n.mu.Unlock()
	if n.isReady() {
		n.tell(daemon.SdNotifyReady + "\n" + n.line())
	}
}

func (n *notifier) isReady() bool {
	select {
	case <-n.ready:
		return true
	default:
		return false
	}
}

// line is the STATUS= of now.
func (n *notifier) line() string {
	words := inWords(n.status())
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = "STATUS=" + n.refused + words
	return n.said
}

// tell sends state and says whether somebody listens.
func (n *notifier) tell(state string) bool {
	sent, err := n.send(state)
	if strings.HasPrefix(state, daemon.SdNotifyReady) {
		n.mu.Lock()
		n.owed = err != nil
		n.mu.Unlock()
	}
	if err != nil {
		n.log.Warn("systemd not told", "state", state, "err", err)
	}
	return sent || err != nil
}

// inWords is a status in one line.
func inWords(s report.Status) string {
	if s.Lease != nil && !s.Lease.Working {
		return standbyText(*s.Lease)
	}
	if len(s.Keys) == 0 {
		return "no keys are configured; " + firstStep
	}
	delivered := 0
	for _, k := range s.Keys {
		if k.Current != nil {
			delivered++
		}
	}
	return fmt.Sprintf("%d of %s delivered, %s open", delivered, counted(len(s.Keys), "key"), counted(len(s.Alerts), "alert"))
}
