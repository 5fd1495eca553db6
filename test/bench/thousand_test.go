package bench

import (
	"math/rand/v2"
	"testing"
	"time"
)

const (
	connections = 10               // that livekey may have open to one Vault
	quiet       = 20 * time.Second // between a start and what is measured of an idle follower
	window      = time.Minute      // in which an idle follower is measured
)

// follower is a program that follows a crowd and delivers its keys.
type follower struct {
	name  string
	start func(l layout, sinks, refresh string) (pid int, stop func())
}

// followers are livekey, as installed, and the program that it is measured beside.
func (c *crowd) followers() []follower {
	return []follower{
		{"livekey", func(l layout, sinks, refresh string) (int, func()) {
			d := start(c.t, c.livekey(l, sinks, refresh))
			return d.cmd.Process.Pid, d.stop
		}},
		{"consul-template " + peerVersion, func(l layout, sinks, refresh string) (int, func()) {
			cmd := c.startPeer(l, sinks, refresh)
			return cmd.Process.Pid, func() { stopPeer(cmd) }
		}},
	}
}

// TestThousandStart measures from the start to every key in its sink. consul-template
// proves nothing; livekey makes a call to an issuer for each key, which takes 50 ms.
func TestThousandStart(t *testing.T) {
	if !*measure {
		t.Skip("measured by `make bench`")
	}
	c := gather(t, 1000)
	for _, l := range []layout{filePerKey, oneFile} {
		figures.title(out, "%d keys of %d issuers that answer after %s, %s: from start to all delivered", len(c.keys), issuers, issuerDelay, l)
		var took [2]sample
		most := 0
		for range 5 {
			for i, f := range c.followers() {
				sinks := scratch(t, "/dev/shm")
				c.gate.reset()
				began := time.Now()
				_, stop := f.start(l, sinks, "30s")
				took[i] = append(took[i], c.awaitDelivered(l, sinks, began))
				stop()
				if open, _ := c.gate.reset(); i == 0 {
					most = max(most, open)
				}
			}
		}
		for i, f := range c.followers() {
			figures.note(out, f.name, "%s", took[i])
		}
		figures.want(out, "p50", took[0].quantile(0.5), "ms", 2000)
		figures.want(out, "p50, times consul-template's", took[0].quantile(0.5)/took[1].quantile(0.5), "x", 1)
		figures.want(out, "connections to Vault at once", float64(most), "", connections)
	}
}

// TestThousandIdle measures what it costs to poll when nothing changes.
func TestThousandIdle(t *testing.T) {
	if !*measure {
		t.Skip("measured by `make bench`")
	}
	c := gather(t, 1000)
	measureIdle(c, filePerKey, 30)
}

// TestFiveThousandIdle is about memory.
func TestFiveThousandIdle(t *testing.T) {
	if !*measure {
		t.Skip("measured by `make bench`")
	}
	c := gather(t, 5000)
	measureIdle(c, oneFile, 60)
}

// measureIdle looks at one follower after the other; livekey may have limit MB resident.
func measureIdle(c *crowd, l layout, limit float64) {
	figures.title(out, "%d keys from Vault, %s, polled every 10 s, nothing changing", len(c.keys), l)
	var cpu [2]time.Duration
	for i, f := range c.followers() {
		sinks := scratch(c.t, "/dev/shm")
		c.gate.reset()
		began := time.Now()
		pid, stop := f.start(l, sinks, "10s")
		c.awaitDelivered(l, sinks, began)
		time.Sleep(quiet)
		reads, used := c.reads(), cpuTime(c.t, pid)
		time.Sleep(window)
		cpu[i] = cpuTime(c.t, pid) - used
		polls := float64(c.reads()-reads) / float64(len(c.keys)) / (window.Seconds() / 10)
		open, opened := c.gate.reset()
		resident := memory(c.t, pid, "VmRSS")
		figures.note(out, f.name, "%.2f s CPU a minute, %.1f MB resident (%.1f not file-backed), %d connections at once, %d in all, %.2f reads a key and interval",
			cpu[i].Seconds(), resident, memory(c.t, pid, "RssAnon"), open, opened, polls)
		stop()
		if i == 0 {
			figures.want(out, "resident", resident, "MB", limit)
			figures.want(out, "connections to Vault at once, start too", float64(open), "", connections)
			figures.want(out, "reads a key and interval", polls, "", 1.12) // an interval is shortened by up to a tenth
		}
	}
	figures.want(out, "CPU, times consul-template's", cpu[0].Seconds()/cpu[1].Seconds(), "x", 0.25)
}

// TestThousandChange measures from a write to Vault to the key in its file.
func TestThousandChange(t *testing.T) {
	if !*measure {
		t.Skip("measured by `make bench`")
	}
	c := gather(t, 1000)
	figures.title(out, "%d keys from Vault, one file per key, polled every second: from the write to Vault to the key in its file", len(c.keys))
	var took [2]sample
	for i, f := range c.followers() {
		sinks := scratch(t, "/dev/shm")
		began := time.Now()
		_, stop := f.start(filePerKey, sinks, "1s")
		c.awaitDelivered(filePerKey, sinks, began)
		time.Sleep(5 * time.Second) // until polls have spread
		for range 50 {
			time.Sleep(rand.N(time.Second)) // so that no write keeps step with the polls
			k := rand.N(len(c.keys))
			took[i] = append(took[i], c.carry(k, filePerKey.sinkOf(sinks, k)))
		}
		stop()
		figures.note(out, f.name, "%s", took[i])
	}
	figures.want(out, "p50", took[0].quantile(0.5), "ms", 600)
	figures.want(out, "p50, times consul-template's", took[0].quantile(0.5)/took[1].quantile(0.5), "x", 1)
}

// TestThousandOutage has Vault die and come back with a new key.
func TestThousandOutage(t *testing.T) {
	if !*measure {
		t.Skip("measured by `make bench`")
	}
	c := gather(t, 1000)
	c.from = c.vault.URL // refused is refused, and not a gate without a server behind it
	sinks := scratch(t, "/dev/shm")
	began := time.Now()
	d := start(t, c.livekey(filePerKey, sinks, "10s"))
	c.awaitDelivered(filePerKey, sinks, began)
	time.Sleep(10 * time.Second) // a round of polls

	figures.title(out, "%d keys, Vault down for %s: from its return to a new key in its file", len(c.keys), *outage)
	c.vault.Stop()
	used := cpuTime(t, d.cmd.Process.Pid)
	time.Sleep(*outage)
	used = cpuTime(t, d.cmd.Process.Pid) - used
	if !c.delivered(filePerKey, sinks) {
		t.Error("the outage changed what was delivered")
	}
	c.vault.Restart()
	took := c.carry(0, filePerKey.sinkOf(sinks, 0))
	figures.note(out, "CPU while it was down", "%.2f s a minute", used.Seconds()/outage.Minutes())
	figures.want(out, "livekey", took.Seconds(), "s", 5)
}
