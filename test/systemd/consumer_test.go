package systemd

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// consumer is a service that is given an env file by systemd, as an app would be, and
// tells what it got.
const consumer = `[Service]
Type=oneshot
RemainAfterExit=yes
User=app
RuntimeDirectory=consumer
RuntimeDirectoryPreserve=yes
EnvironmentFile=` + appSink + `
ExecStart=/bin/sh -c 'printf "%%s" "$ODD" | base64 -w0 >/run/consumer/got'
`

// odd is a value in which every reader of env files could find something to do.
const odd = `p+1/X=%&"<~é\#'>; $HOME ${HOME} %n %%h '$(id)' ` + "`id`" + ` \\ x`

// Consumers read, start and restart while livekey is stopped, and have exactly the value.
func TestStoppingTakesNoKeyAway(t *testing.T) {
	w := newWorld(t, "P8: stopping the service takes no key away, and systemd reads exactly the value")
	w.configure(fmt.Sprintf(oneSink, fileKey("K")+"  ODD: {from: file:///etc/livekey/keys.d/ODD, provider: none, form: text, lint: {allow: [unexpanded_variable]}}\n"))
	w.newKey("K")
	w.source("ODD", odd)
	w.put("/etc/systemd/system/consumer.service", consumer, 0o644)
	w.run("systemctl", "daemon-reload")
	w.run("systemctl", "start", "livekey")

	want := w.run("cat", appSink)
	var reads, wrong atomic.Int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // a consumer that reads all the time
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			b, err := os.ReadFile(w.path(appSink))
			if reads.Add(1); err != nil || strings.TrimSpace(string(b)) != want {
				wrong.Add(1)
			}
			time.Sleep(time.Millisecond)
		}
	}()
	before := w.identity()
	check := func(when string) {
		t.Helper()
		w.run("systemctl", "restart", "consumer")
		got, err := base64.StdEncoding.DecodeString(w.run("cat", "/run/consumer/got"))
		if err != nil || string(got) != odd {
			t.Errorf("%s the consumer got %q, want %q", when, got, odd)
		}
		if now := w.identity(); now != before {
			t.Errorf("%s the sink is %s, was %s", when, now, before)
		}
	}
	check("while livekey runs")
	w.run("systemctl", "stop", "livekey")
	if state := w.show("ActiveState"); state != "inactive" {
		t.Errorf("livekey is %s", state)
	}
	check("while livekey is stopped")
	w.run("systemctl", "start", "livekey")
	check("after livekey started again")
	w.run("systemctl", "restart", "livekey")
	check("after a restart")
	close(stop)
	<-done
	if reads.Load() < 100 || wrong.Load() != 0 {
		t.Errorf("of %d reads %d did not find the keys", reads.Load(), wrong.Load())
	}
}

// Every line about a key is found by its field, and no value is in the journal.
func TestTheJournalKnowsKeysByTheirFields(t *testing.T) {
	w := newWorld(t, "P7: the journal has names and fingerprints, and no value")
	w.configure(fmt.Sprintf(oneSink, fileKey("K")+fileKey("OTHER")) + "log: {level: debug}\n")
	values := []string{w.newKey("K"), w.newKey("OTHER")}
	w.run("systemctl", "start", "livekey")
	values = append(values, w.newKey("K"))
	life := "_SYSTEMD_INVOCATION_ID=" + w.show("InvocationID") // another test's lines may still be there
	query := func(match ...string) string {
		return w.run(append([]string{"journalctl", "--no-pager", "-q", "-o", "json", life}, match...)...)
	}
	w.until("the rotation is in the journal", func() error {
		if n := strings.Count(query("LIVEKEY_KEY=K", "LIVEKEY_STAGE=current"), "version delivered"); n < 2 {
			return fmt.Errorf("%d deliveries are found", n)
		}
		return nil
	})
	entries := query("LIVEKEY_KEY=K")
	for line := range strings.Lines(entries) {
		if strings.Contains(line, `"LIVEKEY_KEY":"OTHER"`) || !strings.Contains(line, `"SYSLOG_IDENTIFIER":"livekey"`) || !strings.Contains(line, `"_SYSTEMD_UNIT":"livekey.service"`) {
			t.Errorf("not a line about the key: %s", line)
		}
	}
	for _, want := range []string{`"LIVEKEY_FINGERPRINT":"`, `"LIVEKEY_OUTCOME":"live"`, `"PRIORITY":"6"`, `"PRIORITY":"7"`} {
		if !strings.Contains(entries, want) {
			t.Errorf("no %s in\n%s", want, entries)
		}
	}
	if got := query("LIVEKEY_SINK=app"); !strings.Contains(got, "sink written") {
		t.Errorf("nothing about the sink: %q", got)
	}
	w.issuer.Revoke(values[2])
	w.until("the alert is an error", contains(func() string { return query("LIVEKEY_CAUSE=key_dead", "PRIORITY=3") }, `"LIVEKEY_KEY":"K"`))
	all := w.run("journalctl", "--no-pager", "-q", "-o", "export") + w.run("systemctl", "status", "--no-pager", "livekey")
	for i, v := range values {
		for form, text := range map[string]string{"as it is": v, "in base64": base64.StdEncoding.EncodeToString([]byte(v)), "in hex": fmt.Sprintf("%x", v)} {
			if strings.Contains(all, text) {
				t.Errorf("value %d is in the journal, %s", i, form)
			}
		}
	}
}
