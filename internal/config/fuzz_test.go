package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"
	"golang.org/x/sys/unix"
)

// FuzzRead holds that no text makes Read panic, take long or print a value.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range append(files, "../../configs/reference.yaml", "../../configs/server.yaml") {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 64<<10 {
			return
		}
		c, err := Read("fuzz.yaml", text, testKinds)
		if err == nil {
			if _, err := Show(c); err != nil {
				t.Fatalf("Show: %v", err)
			}
			return
		}
		if _, ok := errors.AsType[Faults](err); !ok {
			t.Fatalf("Read returned %T, not Faults", err)
		}
		output := err.Error()
		for _, value := range distinct(text) {
			if strings.Contains(output, value) {
				t.Fatalf("the faults show the value %q:\n%s", value, output)
			}
		}
	})
}

// distinct lists the values of a config that livekey's own words cannot have by
// chance: long, with a digit, and not the name of anything in the file.
func distinct(config []byte) []string {
	var doc yaml.Node
	if yaml.Load(config, &doc) != nil {
		return nil
	}
	var names, values, out []string
	collect(&doc, false, &names, &values)
	named := strings.Join(names, "\n")
	for _, v := range values {
		if len(v) >= 8 && strings.ContainsFunc(v, unicode.IsDigit) && strings.ContainsFunc(v, unicode.IsLetter) &&
			!strings.Contains(named, v) {
			out = append(out, v)
		}
	}
	return out
}

// TestReadIsQuickOnHostileTexts gives what makes YAML readers slow, 64 KiB each.
// On an idle machine each takes less than a tenth of a second; what is measured here is
// the thread's own time, which a busy machine changes little, and five times that fails.
func TestReadIsQuickOnHostileTexts(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	limit := 500 * time.Millisecond
	if raceDetector() {
		limit *= 10
	}
	const size = 64 << 10
	fill := func(head, repeat, tail string) string {
		return head + strings.Repeat(repeat, (size-len(head)-len(tail))/len(repeat)) + tail
	}
	many := func(size int, format func(i int) string) string {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			b.WriteString(format(i))
		}
		return b.String()
	}
	for rule, text := range map[string]string{
		"open brackets":  fill("keys: ", "[", ""),
		"open maps":      fill("", "{a: ", ""),
		"nested lists":   fill("", "- ", ""),
		"nested maps":    fill("", "? ", ""),
		"comments":       fill("a: 1\n", "   #\n", ""),
		"a list":         fill("keys: [", "a,", "]"),
		"the same name":  fill("", "keys: 1\n", ""),
		"aliases":        fill("a: [&a x,", "*a,", "]"),
		"anchors":        fill("", "&a ", ""),
		"unknown fields": many(size, func(i int) string { return fmt.Sprintf("sinkz%d: 1\n", i) }),
		"unknown keys":   fill(good+"sinks: {env_file: {path: /x, keys: [", "GOODX,", "]}}"),
		"unknown among many": "keys:\n" + many(size*2/3, func(i int) string { return fmt.Sprintf("  K%d: {from: env://x}\n", i) }) +
			"sinks: {env_file: {path: /x, keys: [" + many(size/4, func(i int) string { return fmt.Sprintf("L%d,", i) }) + "]}}",
		"many keys":          fill("keys:\n", "  GOOD: {from: \"nope://x\"}\n", ""),
		"one quoted line":    fill("a: \"", "\n", "\""),
		"secrets everywhere": fill("a: [", "sk-ant-api03-x,", "]"),
	} {
		if len(text) > size+100 {
			t.Fatalf("%s has %d bytes", rule, len(text))
		}
		start := threadTime(t)
		_, err := Read("f.yaml", []byte(text), testKinds)
		if err == nil {
			t.Errorf("%s: accepted", rule)
		} else if len(err.Error()) == 0 {
			t.Errorf("%s: nothing is said", rule)
		}
		took := threadTime(t) - start
		t.Logf("%s: %s", rule, took)
		if took > limit {
			t.Errorf("%s: took %s", rule, took)
		}
	}
}

// raceDetector says whether it slows everything down.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// threadTime is the processor time that this thread has used.
func threadTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
