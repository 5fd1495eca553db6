package drill

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/livekey/livekey/internal/fakeissuer"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// A scene is one accident: it plays it and says what was seen. An error means
// that the drill cannot go on.
type scene struct {
	name     string
	play     func(context.Context, *world) ([]claim, error)
	judgment bool // judges the whole story; played even if a scene before it failed
}

var story = []scene{
	{name: "first delivery", play: firstDelivery},
	{name: "three apps start, each in its own way", play: appsStart},
	{name: "a candidate with a trailing newline", play: newlineCandidate},
	{name: "a candidate that its issuer rejects", play: deadCandidate},
	{name: "a candidate of another organization", play: misplacedCandidate},
	{name: "a good rotation", play: goodRotation},
	{name: "who still has the old key", play: oldKeyHeld},
	{name: "the last app is started anew", play: lastAppMoves},
	{name: "the old key is revoked", play: oldKeyRevoked},
	{name: "a key is revoked while an app has it", play: revokedEarly},
	{name: "the issuer answers 529, overloaded", play: overloaded},
	{name: "a captive portal answers instead of the issuer", play: captivePortal},
	{name: "the current key is revoked, no replacement", play: currentKeyRevoked},
	{name: "the daemon is killed while the alert is open", play: killedInAlarm},
	{name: "the replacement", play: replacement},
	{name: "the daemon is killed in the middle of deliveries", play: killedInDelivery},
	{name: "a stop and a start, nothing new", play: restarted},
	{name: "what was seen all along", play: allAlong, judgment: true},
}

// The accounts of the issuer.
var (
	ours   = fakeissuer.Account{Organization: "0b9f3a52-6f3a-4f0e-9d1c-d1a1c0ffee01", Workspace: "wrkspc_01Ours"}
	theirs = fakeissuer.Account{Organization: "7c2e8d14-1b7d-4a55-8f6e-d1a1c0ffee02", Workspace: "wrkspc_01Theirs"}
)

func firstDelivery(ctx context.Context, w *world) ([]claim, error) {
	for _, name := range []string{mainKey, otherKey} {
		if err := w.deliver(name, w.newKey(ours)); err != nil {
			return nil, err
		}
	}
	if err := w.startReader(ctx); err != nil {
		return nil, err
	}
	if err := w.start(ctx); err != nil {
		return nil, err
	}
	return w.until(ctx, delivered(w.want))
}

func newlineCandidate(ctx context.Context, w *world) ([]claim, error) {
	good := w.newKey(ours)
	if err := w.tempt(mainKey, good+"\n"); err != nil {
		return nil, err
	}
	r := refusal{promise: "P1", name: mainKey, heldBy: "malformed", cause: key.CandidateRejected, mention: "newline", since: w.offered}
	claims, err := w.until(ctx, refused(r, w.want))
	return append(claims, says("P10", w.issuer.Calls(good) == 0,
		"what is malformed is not sent to the issuer", "what is malformed was sent to the issuer")), err
}

func deadCandidate(ctx context.Context, w *world) ([]claim, error) {
	if err := w.tempt(mainKey, fakeissuer.NewAnthropicKey()); err != nil {
		return nil, err
	}
	r := refusal{promise: "P2", name: mainKey, heldBy: "rejected", cause: key.CandidateRejected, mention: "invalid", since: w.offered}
	return w.until(ctx, refused(r, w.want))
}

func misplacedCandidate(ctx context.Context, w *world) ([]claim, error) {
	if err := w.tempt(mainKey, w.newKey(theirs)); err != nil {
		return nil, err
	}
	r := refusal{promise: "P2", name: mainKey, heldBy: "misplaced", cause: key.CandidateMisplaced, mention: "organization", since: w.offered}
	return w.until(ctx, refused(r, w.want))
}

// arrival waits until both sinks hold what they have to, and returns how long
// that took, at most a second.
func (w *world) arrival() time.Duration {
	began := time.Now()
	for time.Since(began) < time.Second {
		if env, files := w.reader.look(); maps.Equal(env, w.want) && maps.Equal(files, w.want) {
			break
		}
		time.Sleep(100 * time.Microsecond) // leaves the processor to who delivers
	}
	return time.Since(began)
}

// next delivers a good key after another, and remembers which one it replaced.
func (w *world) next(ctx context.Context) error {
	old, err := w.fingerprint(ctx, mainKey)
	if err != nil {
		return err
	}
	w.replaced, w.replacedPrint = w.want[mainKey], old
	if err := w.deliver(mainKey, w.newKey(ours)); err != nil {
		return err
	}
	w.took = w.arrival()
	return nil
}

func oldKeyRevoked(ctx context.Context, w *world) ([]claim, error) {
	w.issuer.Revoke(w.replaced)
	return w.until(ctx, retired(mainKey, w.replacedPrint, w.want), quiet(key.RevokedEarly, mainKey))
}

func overloaded(ctx context.Context, w *world) ([]claim, error) {
	return w.trouble(ctx, fakeissuer.Overloaded, "529")
}

func captivePortal(ctx context.Context, w *world) ([]claim, error) {
	return w.trouble(ctx, fakeissuer.Portal, "captive portal")
}

// troubleTime is a few probes long.
const troubleTime = 600 * time.Millisecond

// trouble makes the issuer answer in mode for a while, then heals it and asks
// the daemon to look again, as a user would.
func (w *world) trouble(ctx context.Context, mode fakeissuer.Mode, name string) ([]claim, error) {
	current, err := w.fingerprint(ctx, mainKey)
	if err != nil {
		return nil, err
	}
	since := len(w.hook.received())
	w.issuer.Mode(mode)
	during, err := w.throughout(ctx, troubleTime, unmoved(mainKey, current, name, since, w.want))
	w.issuer.Mode(fakeissuer.Healthy)
	if err != nil || !allKept(during) {
		return during, err
	}
	_, exit, err := w.binary.ask(ctx, "refresh")
	if err != nil {
		return nil, err
	}
	if exit != 0 {
		return append(during, claim{"P3", false, fmt.Sprintf("after it, `livekey refresh` exits %d", exit)}), nil
	}
	healed, err := w.until(ctx, func(v view) []claim {
		c := find(v.status, mainKey).Current
		return []claim{says("P3", c != nil && c.Outcome == key.Live && v.exit == 0,
			"after it: the key is live, as before", "after it: the key is not shown as live")}
	})
	return append(during, healed...), err
}

func currentKeyRevoked(ctx context.Context, w *world) ([]claim, error) {
	w.issuer.Revoke(w.want[mainKey])
	claims, err := w.until(ctx, dead(mainKey, w.want))
	if err != nil || !allKept(claims) {
		return claims, err
	}
	answer, err := w.report(ctx)
	if err != nil {
		return nil, err
	}
	claims = append(claims, answered(answer, report.Dead, "there is no other"))
	if err := w.deliver(otherKey, w.newKey(ours)); err != nil {
		return nil, err
	}
	other, err := w.until(ctx, isolated(mainKey, w.want))
	return append(claims, other...), err
}

func killedInAlarm(ctx context.Context, w *world) ([]claim, error) {
	ids := idsOf(w.hook.received(), key.KeyDead, mainKey)
	w.alarm = ids[len(ids)-1]
	w.daemon.kill()
	if err := w.start(ctx); err != nil {
		return nil, err
	}
	return w.until(ctx, stillOpen(key.KeyDead, mainKey, w.alarm, w.want))
}

func replacement(ctx context.Context, w *world) ([]claim, error) {
	if err := w.next(ctx); err != nil {
		return nil, err
	}
	return w.until(ctx, resolved(key.KeyDead, mainKey, w.alarm), rotated(mainKey, w.replacedPrint, w.want))
}

// killAt are the moments after the new key's rename at which the daemon is
// killed, as parts of the time that the last delivery took.
var killAt = []float64{0, 0.4, 0.7, 0.9, 1.1, 3}

// breath is how long a life of the daemon lasts before the next new key.
const breath = 200 * time.Millisecond

func killedInDelivery(ctx context.Context, w *world) ([]claim, error) {
	before, err := w.settled(ctx, oneGeneration)
	if err != nil {
		return nil, err
	}
	midway := 0
	for _, part := range killAt {
		if err := w.pause(ctx, breath); err != nil {
			return nil, err
		}
		if err := w.deliver(mainKey, w.newKey(ours)); err != nil {
			return nil, err
		}
		time.Sleep(time.Duration(part * float64(w.took)))
		w.daemon.kill()
		if env, files := w.reader.look(); !maps.Equal(env, w.want) || !maps.Equal(files, w.want) {
			midway++
		}
		if err := w.start(ctx); err != nil {
			return nil, err
		}
		claims, err := w.until(ctx, converged(mainKey, w.want))
		if err != nil || !allKept(claims) {
			return claims, err
		}
	}
	after, err := w.settled(ctx, func(names []string) bool { return slices.Equal(names, before) })
	if err != nil {
		return nil, err
	}
	told, err := w.until(ctx, uses("P9", appReader, w.want[mainKey], "what was owed to the app with an env file was done: it uses the newest key"))
	return append(told,
		claim{"P9", true, fmt.Sprintf("killed %d times around a delivery of %s, %d of them before its end: each time it is whole after the start",
			len(killAt), w.took.Round(100*time.Microsecond), midway)},
		says("P6", slices.Equal(before, after), "no temporary file is left", "files are left behind in a sink's folder"),
	), err
}

// settled lists the names in both sinks' folders as soon as they are as they
// should be, or when patience is over: a generation that was replaced stays a
// moment for those who are reading it.
func (w *world) settled(ctx context.Context, ok func([]string) bool) ([]string, error) {
	deadline := time.Now().Add(w.patience)
	for {
		names, err := w.sinkNames()
		if err != nil || ok(names) || time.Now().After(deadline) {
			return names, err
		}
		if err := w.pause(ctx, lookEvery); err != nil {
			return nil, err
		}
	}
}

// generation stands for the name of any generation, which is of its moment.
const generation = "a generation"

func oneGeneration(names []string) bool {
	i := slices.Index(names, generation)
	return i >= 0 && !slices.Contains(names[i+1:], generation)
}

func (w *world) sinkNames() ([]string, error) {
	var names []string
	for _, dir := range []string{w.path(sinkDir, "app"), w.path(sinkDir, "files")} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("list a sink's folder: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() {
				names = append(names, generation)
			} else {
				names = append(names, e.Name())
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

func restarted(ctx context.Context, w *world) ([]claim, error) {
	before, err := os.Stat(w.reader.env)
	if err != nil {
		return nil, fmt.Errorf("look at the env file: %w", err)
	}
	stopped := w.daemon.stop()
	env, files := w.reader.look()
	claims := []claim{
		says("P8", stopped == nil, "SIGTERM ends it with exit code 0", fmt.Sprintf("SIGTERM ends it with %v", stopped)),
		holds("P8", view{env: env, files: files}, w.want, "stopping it takes no key away"),
	}
	if err := w.start(ctx); err != nil {
		return nil, err
	}
	again, err := w.until(ctx, converged(mainKey, w.want))
	if err != nil {
		return nil, err
	}
	after, err := os.Stat(w.reader.env)
	if err != nil {
		return nil, fmt.Errorf("look at the env file: %w", err)
	}
	return append(append(claims, again...), says("P9", os.SameFile(before, after) && before.ModTime().Equal(after.ModTime()),
		"equal bytes cause no write: the env file is the same inode",
		"the env file was written again with equal bytes")), nil
}

// allAlong judges what no single scene shows.
func allAlong(_ context.Context, w *world) ([]claim, error) {
	claims := w.reader.verdict(w.allowed, w.refused)
	claims = append(claims, steady(w.hook.received())...)
	claims = append(claims, w.hook.verdict()...)
	claims = append(claims, w.issuer.verdict(w.allowed)...)
	c := newCanary(slices.Concat(slices.Collect(maps.Keys(w.allowed)), slices.Collect(maps.Keys(w.refused))))
	if err := w.searchAll(c); err != nil {
		return nil, err
	}
	return append(claims, c.verdict()...), nil
}

// searchAll searches whatever livekey printed, sent or stored but in its sinks.
func (w *world) searchAll(c *canary) error {
	c.search("the output of a command", w.binary.printed())
	for _, body := range w.hook.sent() {
		c.search("a webhook", body)
	}
	// What the process shows of itself; where the kernel refuses, nobody sees it either.
	for _, name := range []string{"cmdline", "environ"} {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", w.daemon.Pid, name)); err == nil {
			c.search("the daemon's "+name, b)
		}
	}
	return c.searchTree(w.dir, sourceDir, sinkDir)
}
