package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekey/livekey/internal/ui"
)

func TestAProgressIsShownBeforeTheFirstAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen bytes.Buffer
		p := newProgress(ui.Printer{Out: &screen, Width: 80}, true, "proving", 2)
		p.end()
		if screen.Len() > 0 {
			t.Errorf("what is quick showed %q", screen.String())
		}
		p = newProgress(ui.Printer{Out: &screen, Width: 80}, true, "proving", 2)
		time.Sleep(progressEvery)
		synctest.Wait()
		p.one()
		p.end()
		p.one()
		time.Sleep(time.Hour)
		if got, want := screen.String(), "\r\x1b[Kproving 2 keys: 0 done\r\x1b[K"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
