package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/proof"
	"github.com/livekey/livekey/validator/checkertest"
)

// classified is one recorded answer, with everything that is done once it was read.
type classified struct {
	name  string
	said  said
	class *class
	asker *checker
	key   proof.Material
}

func everyAnswer(tb testing.TB) []classified {
	tb.Helper()
	var all []classified
	for id, c := range corpora(tb) {
		p := lookedUp(tb, id)
		for _, s := range c.Answers {
			class := s.class(tb, p)
			if s.Status == 0 || class.request == nil {
				continue
			}
			made, err := p.Checker(s.settings(p, &road{said: &s}, recordedCode))
			if err != nil {
				tb.Fatal(err)
			}
			all = append(all, classified{id + ", " + s.Name, s, class, made.(*checker), checkertest.MaterialOf(s.madeUp(tb, p))})
		}
	}
	return all
}

func (c *classified) classify(body []byte) key.Verdict {
	a := newAnswer(c.said.Status, c.said.header(), body)
	return c.asker.complete(c.class, a, c.class.judge(a, now).Settle(), c.key)
}

// What one answer costs, of the whole catalogue on average, and of the dearest.
func BenchmarkClassify(b *testing.B) {
	all := everyAnswer(b)
	b.Run("each", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			c := &all[i%len(all)]
			c.classify([]byte(c.said.Body))
			i++
		}
	})
	b.Run("dearest", func(b *testing.B) {
		dearest, slowest := 0, time.Duration(0)
		for i := range all {
			if took := took(&all[i]); took > slowest {
				dearest, slowest = i, took
			}
		}
		c := &all[dearest]
		b.ReportAllocs()
		for b.Loop() {
			c.classify([]byte(c.said.Body))
		}
		b.Logf("it is %s", c.name)
	})
}

// took is the shortest of some tries, which what else goes on here does not lengthen.
func took(c *classified) time.Duration {
	body := []byte(c.said.Body)
	shortest := time.Hour
	for range 20 {
		began := time.Now()
		c.classify(body)
		shortest = min(shortest, time.Since(began))
	}
	return shortest
}

// One answer is judged within 50 microseconds, whichever it is: BenchmarkClassify has the
// figure, this has room for a busy machine.
func TestClassifyingIsQuick(t *testing.T) {
	const most = 50 * time.Microsecond
	for _, c := range everyAnswer(t) {
		if got := took(&c); got > most*slower {
			t.Errorf("%s: %s, want %s at most", c.name, got, most*slower)
		}
	}
}

// No allocation of a judgment holds the key: with a large one, it takes no more.
func TestClassifyingCopiesNoKey(t *testing.T) {
	const large = 64 << 10
	for _, c := range everyAnswer(t) {
		parts := map[key.Part]string{}
		for part, v := range c.key.Parts {
			parts[part] = string(v.Reveal()) + strings.Repeat("x", large)
		}
		c.key = checkertest.MaterialOf(parts)
		body := []byte(c.said.Body)
		c.classify(body)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.classify(body)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got >= large {
			t.Errorf("%s: %d KiB were allocated", c.name, got>>10)
		}
	}
}

// A verdict holds nothing of the answer but what its file says to read, and of the key
// nothing at all.
func TestAVerdictHoldsNothingOfTheAnswer(t *testing.T) {
	const canary = "CANARY0of0the0answer"
	for _, c := range everyAnswer(t) {
		body := c.said.Body
		if json.Valid([]byte(body)) && strings.HasPrefix(body, "{") && body != "{}" {
			body = `{"canary":"` + canary + `","` + strings.Repeat("n", 8) + `":1,` + body[1:]
		}
		a := newAnswer(c.said.Status, c.said.header(), []byte(body))
		a.header.Set("X-Canary", canary)
		a.header.Set("Retry-After", canary)
		got := c.class.judge(a, now)
		got.Shape = "" // names of fields, for the Prober alone
		v := c.asker.complete(c.class, a, got.Verdict, c.key)
		if text := fmt.Sprintf("%+v %+v", got, v); strings.Contains(text, canary) {
			t.Errorf("%s: the verdict has a piece of the answer inside", c.name)
		}
		for part, value := range c.key.Parts {
			if !strings.Contains(strings.Join(c.asker.provider.file.Public, " "), string(part)) &&
				bytes.Contains(fmt.Appendf(nil, "%+v", v), value.Reveal()) {
				t.Errorf("%s: the verdict has the part %s inside", c.name, part)
			}
		}
	}
}

// The bytes of an answer are gone once it was judged, while its verdict and the checker
// are kept.
func TestJudgingKeepsNoAnswer(t *testing.T) {
	var kept []any
	gone := make(chan string, 4096)
	answers := everyAnswer(t)
	for i := range answers {
		c := &answers[i]
		body := []byte(c.said.Body + strings.Repeat(" ", 64)) // of a size of its own: small ones share a block
		runtime.AddCleanup(&body[0], func(name string) { gone <- name }, c.name)
		kept = append(kept, c.classify(body), c.asker)
	}
	for range 3 {
		runtime.GC()
	}
	for range answers {
		select {
		case <-gone:
		case <-time.After(5 * time.Second):
			t.Fatal("the body of an answer is still held")
		}
	}
	runtime.KeepAlive(kept)
}
