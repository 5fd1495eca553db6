package drill

import (
	"context"
	"errors"
	"slices"
	"syscall"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
)

// Scenes of those who use the key: whom a rotation is for.

func appsStart(ctx context.Context, w *world) ([]claim, error) {
	if err := errors.Join(w.startByHand(ctx), w.startSupervised(ctx)); err != nil {
		return nil, err
	}
	value := w.want[mainKey]
	claims, err := w.until(ctx,
		uses("P9", appReader, value, "an app with an env file was signaled after the first delivery, and uses its key"),
		uses("P1", appExec, value, "an app under `livekey exec` uses the proved key from its environment"),
		uses("P1", appByHand, value, "an app that somebody started by hand uses it too"))
	if err != nil || !allKept(claims) {
		return claims, err
	}
	w.supervised = w.issuer.used()[appExec].pid
	seen, err := w.untilSeen(ctx,
		held(w.apps[appByHand].Pid, report.HeldCurrent),
		held(w.supervised, report.HeldCurrent))
	return append(claims, seen...), err
}

// goodRotation is a rotation as it should be, but for the app that was started by hand.
func goodRotation(ctx context.Context, w *world) ([]claim, error) {
	alone := says("P8", w.issuer.used()[appExec].pid == w.supervised,
		"`livekey exec` left its app alone while candidates were refused",
		"`livekey exec` started its app anew for a candidate that was refused")
	if err := w.next(ctx); err != nil {
		return nil, err
	}
	value := w.want[mainKey]
	claims, err := w.until(ctx, rotated(mainKey, w.replacedPrint, w.want),
		uses("P9", appReader, value, "the app with an env file was signaled, and uses the new key"),
		restartedWith(w.supervised, value),
		uses("P8", appByHand, w.replaced, "the app that was started by hand works on with the old key"))
	w.supervised = w.issuer.used()[appExec].pid
	return append(claims, alone), err
}

// oldKeyHeld asks who still has the old key, as careful people do before they revoke it.
func oldKeyHeld(ctx context.Context, w *world) ([]claim, error) {
	if err := w.declare(ctx); err != nil {
		return nil, err
	}
	return w.untilSeen(ctx,
		held(w.apps[appByHand].Pid, report.HeldPrevious),
		held(w.supervised, report.HeldCurrent),
		adopted(mainKey),
		notYet(w.apps[appByHand].Pid))
}

// lastAppMoves starts the app anew that was started by hand.
func lastAppMoves(ctx context.Context, w *world) ([]claim, error) {
	if err := w.moveByHand(ctx); err != nil {
		return nil, err
	}
	return w.untilSeen(ctx,
		held(w.apps[appByHand].Pid, report.HeldCurrent),
		nobodyHolds(report.HeldPrevious),
		safeNow)
}

// revokedEarly revokes the old key in the moment in which the new one is delivered.
func revokedEarly(ctx context.Context, w *world) ([]claim, error) {
	if err := w.next(ctx); err != nil {
		return nil, err
	}
	w.issuer.Revoke(w.replaced)
	claims, err := w.until(ctx,
		refusedApp(appByHand, w.replaced),
		named(key.RevokedEarly, mainKey, appByHand))
	if err != nil || !allKept(claims) {
		return claims, err
	}
	answer, err := w.report(ctx)
	if err != nil {
		return nil, err
	}
	claims = append(claims, answered(answer, report.New, "a newer key is delivered"))
	alarm, _ := last(w.hook.received(), key.RevokedEarly, mainKey)
	if err := w.moveByHand(ctx); err != nil {
		return nil, err
	}
	moved, err := w.untilSeen(ctx,
		uses("P4", appByHand, w.want[mainKey], "started anew as it says, the app works"),
		resolved(key.RevokedEarly, mainKey, alarm.Data.ID))
	if err != nil {
		return nil, err
	}
	// What comes now is not about them.
	return append(claims, moved...), errors.Join(w.stopApp(appByHand), w.stopApp(appExec))
}

// moveByHand is what a person does with an app that has an old key.
func (w *world) moveByHand(ctx context.Context) error {
	if err := w.stopApp(appByHand); err != nil {
		return err
	}
	return w.startByHand(ctx)
}

// declare tells livekey who uses the key: everybody who is seen or heard now.
func (w *world) declare(ctx context.Context) error {
	s, err := w.whoHas(ctx)
	if err != nil {
		return err
	}
	status, _, err := w.binary.status(ctx)
	if err != nil {
		return err
	}
	var all []string
	for _, h := range s.Holders {
		all = append(all, string(h.Consumer))
	}
	for _, a := range find(status, mainKey).Adoption {
		all = append(all, string(a.Consumer))
	}
	slices.Sort(all)
	if err := declare(w.dir, slices.Compact(all)); err != nil {
		return err
	}
	return w.daemon.Signal(syscall.SIGHUP)
}

// whoHas is what `livekey who-has` says.
func (w *world) whoHas(ctx context.Context) (report.WhoHas, error) {
	var seen report.WhoHas
	out, exit, err := w.binary.ask(ctx, "who-has", mainKey, "--output", "json")
	if err == nil && exit == 0 {
		err = readJSON(out, "who-has", &seen)
	}
	return seen, err
}

// report tells livekey of a 401, as an app or its script does.
func (w *world) report(ctx context.Context) (answer report.Answer, err error) {
	out, _, err := w.binary.ask(ctx, "report", mainKey, "--output", "json")
	if err == nil {
		err = readJSON(out, "report", &answer)
	}
	return answer, err
}

// untilSeen is until, for judges of what only a look around shows.
func (w *world) untilSeen(ctx context.Context, judges ...judge) ([]claim, error) {
	return w.eventually(ctx, func() ([]claim, error) {
		v, err := w.lookAround(ctx)
		return judged(v, judges), err
	})
}

func (w *world) lookAround(ctx context.Context) (view, error) {
	v, err := w.look(ctx)
	if err != nil {
		return v, err
	}
	if v.who, err = w.whoHas(ctx); err != nil {
		return v, err
	}
	out, exit, err := w.binary.ask(ctx, "safe-to-revoke", mainKey, "--output", "json")
	if err != nil {
		return v, err
	}
	err = readJSON(out, "safe-to-revoke", &v.safe)
	v.safe.Exit = exit // what a script sees
	return v, err
}
