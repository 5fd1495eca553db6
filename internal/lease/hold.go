package lease

import (
	"context"
	"errors"
	"time"
)

// hold runs work and renews mine beside it. done says that it is over for good: ctx ended, or
// work did. Otherwise the lease was lost, and work has ended.
func (e *Elector) hold(ctx context.Context, mine held, t Term, work func(context.Context, Term) error) (done bool, err error) {
	e.note(e.Identity, true, nil)
	working, stop := context.WithCancel(ctx)
	defer stop()
	ended, end := context.WithCancel(context.WithoutCancel(ctx)) // work has ended
	go func() {
		defer end()
		err = work(working, t)
	}()
	mine, lost := e.renew(ended, mine)
	stop()
	e.await(ended, mine)
	if lost {
		e.note(e.Identity, false, nil)
		e.Log.WarnContext(ctx, "lease lost, work stopped", "lease", e.Lock.String())
		return err != nil || ctx.Err() != nil, err
	}
	e.release(ctx, mine)
	return true, err
}

// await waits for the end of work, and is not silent about one that does not come in time.
func (e *Elector) await(ended context.Context, mine held) {
	select {
	case <-ended.Done():
	case <-time.After(time.Until(mine.since.Add(Duration))):
		e.Log.ErrorContext(ended, "work has not stopped, and another may begin", "lease", e.Lock.String())
		e.Overdue()
		<-ended.Done()
	}
}

// renew renews mine until work has ended, also while it ends because it was told to, or mine
// is lost: another has it, or nobody has answered for too long.
func (e *Elector) renew(ended context.Context, mine held) (last held, lost bool) {
	wait(ended, pause(mine))
	for ended.Err() == nil {
		until := mine.since.Add(Deadline)
		if !time.Now().Before(until) {
			return mine, true
		}
		ctx, cancel := context.WithDeadline(ended, until)
		next, err := e.again(ctx, mine)
		cancel()
		switch {
		case ended.Err() != nil: // a renewal that was cut off may have been written
		case errors.Is(err, ErrNone):
			return mine, true
		case err != nil:
			e.note("", true, err)
		default:
			mine = next
			e.note(e.Identity, true, nil)
		}
		wait(ended, pause(mine))
	}
	return mine, false
}

// pause is how long to leave mine alone.
func pause(mine held) time.Duration { return min(Retry, time.Until(mine.since.Add(Deadline))) }

// again renews once. Its error wraps ErrNone if the lease is another's by now, or nobody's.
func (e *Elector) again(ctx context.Context, mine held) (held, error) {
	next, err := e.take(ctx, mine.Record)
	if !errors.Is(err, ErrChanged) {
		return next, err
	}
	// Perhaps by a renewal whose answer did not come, or by somebody who wrote a label.
	r, err := e.read(ctx)
	switch {
	case err != nil:
		return held{}, err
	case r.Holder != e.Identity || r.term() != mine.term():
		return held{}, ErrNone
	}
	return e.take(ctx, r)
}

// release gives mine back, so that another need not wait. Who does not hear of it waits.
func (e *Elector) release(ctx context.Context, mine held) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releasing)
	defer cancel()
	for {
		mine.Holder, mine.Duration = "", time.Second
		_, err := e.Lock.Write(ctx, mine.Record)
		if err == nil {
			e.note("", false, nil)
			return
		}
		r, errRead := e.read(ctx)
		if !errors.Is(err, ErrChanged) || errRead != nil || r.Holder != e.Identity {
			e.note("", false, err)
			return
		}
		mine.Record = r
	}
}
