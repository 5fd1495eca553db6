package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
)

var (
	private = Attr{Mode: 0o600, UID: 7, GID: 8}
	shared  = Attr{Mode: 0o640, UID: 7, GID: 9}
)

// A delivery is one write that a power cut or an error may interrupt.
type delivery struct {
	name    string
	before  func(*Dir) error // nil: the first one
	deliver func(*Dir) error
	recover func(*Dir) error
	see     func(*disk) string // what a consumer sees
	old     string
	new     string
}

const app = "app.env"

func deliveries() []delivery {
	file := func(content string, a Attr) func(*Dir) error {
		return func(d *Dir) error { return d.Write(app, []byte(content), a, nil) }
	}
	flip := func(a Attr, content ...string) func(*Dir) error {
		files := map[string][]byte{}
		for _, c := range content {
			name, value, _ := strings.Cut(c, "=")
			files[name] = []byte(value)
		}
		return func(d *Dir) error { return d.Flip(files, a) }
	}
	sweepFile := func(d *Dir) error { return d.Sweep(app) }
	return []delivery{
		{
			name: "the first file", deliver: file("K=new", private), recover: sweepFile,
			see: seeFile, old: "", new: "K=new 0600",
		},
		{
			name: "a file over another, with another mode", before: file("K=old", private), deliver: file("K=new!", shared),
			recover: sweepFile, see: seeFile, old: "K=old 0600", new: "K=new! 0640",
		},
		{
			name: "the first generation", deliver: flip(private, "A=1", "B=2"), recover: (*Dir).SweepGenerations,
			see: seeGeneration, old: "", new: "A=1 0600,B=2 0600",
		},
		{
			name: "two files change together", before: flip(private, "A=1", "B=2"), deliver: flip(shared, "A=3", "B=4"),
			recover: (*Dir).SweepGenerations, see: seeGeneration, old: "A=1 0600,B=2 0600", new: "A=3 0640,B=4 0640",
		},
		{
			name: "one name goes and one comes", before: flip(private, "A=1", "B=2"), deliver: flip(private, "B=2", "C=3"),
			recover: (*Dir).SweepGenerations, see: seeGeneration, old: "A=1 0600,B=2 0600", new: "B=2 0600,C=3 0600",
		},
		{
			name: "five files change together and the generation before is removed", before: flip(private, "A=1", "B=2", "C=3", "D=4", "E=5"),
			deliver: func(d *Dir) error {
				if err := flip(private, "A=11", "B=22", "C=33", "D=44", "F=66")(d); err != nil {
					return err
				}
				if err := d.SweepGenerations(); err != nil {
					return fmt.Errorf("%w: %w", ErrInDoubt, err)
				}
				return nil
			},
			recover: (*Dir).SweepGenerations, see: seeGeneration,
			old: "A=1 0600,B=2 0600,C=3 0600,D=4 0600,E=5 0600", new: "A=11 0600,B=22 0600,C=33 0600,D=44 0600,F=66 0600",
		},
	}
}

func seeFile(d *disk) string {
	id, ok := d.nodes[0].names[app]
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s %04o", d.nodes[id].data, d.nodes[id].attr.Mode)
}

// seeGeneration is one open of Current and a read of all that is in it, after a
// look whether a link leads to nothing or stands for bytes of its own.
func seeGeneration(d *disk) string {
	id, ok := d.nodes[0].names[Current]
	if !ok {
		return ""
	}
	gen, ok := d.nodes[0].names[d.nodes[id].target]
	if !ok {
		return "dangling"
	}
	if mode := d.nodes[gen].attr.Mode; mode&0o007 != 0 || mode&0o500 != 0o500 {
		return fmt.Sprintf("directory mode %04o", mode)
	}
	var seen []string
	for _, name := range slices.Sorted(maps.Keys(d.nodes[gen].names)) {
		n := d.nodes[d.nodes[gen].names[name]]
		seen = append(seen, fmt.Sprintf("%s=%s %04o", name, n.data, n.attr.Mode))
	}
	return strings.Join(seen, ",")
}

// unlinked are the names of the current generation that no consumer finds.
func unlinked(d *disk) (names []string) {
	id, ok := d.nodes[0].names[Current]
	if !ok {
		return nil
	}
	gen := d.nodes[d.nodes[0].names[d.nodes[id].target]]
	for name := range gen.names {
		link, ok := d.nodes[0].names[name]
		if !ok || d.nodes[link].target != Current+"/"+name {
			names = append(names, name)
		}
	}
	return names
}

// start runs what comes before the delivery and forgets how it got there.
func (del delivery) start(t *testing.T) (base, d *disk) {
	t.Helper()
	base = newDisk()
	if del.before != nil {
		if err := del.before(base.dir()); err != nil {
			t.Fatal(err)
		}
	}
	base = base.clone()
	return base, base.clone()
}

// violations runs del on a disk made by tune and returns what went wrong in any
// state that a power cut may leave, with the number of states.
func (del delivery) violations(t *testing.T, tune func(*disk)) (states int, wrong []string) {
	t.Helper()
	base, d := del.start(t)
	if tune != nil {
		tune(d)
	}
	if err := del.deliver(d.dir()); err != nil {
		t.Fatal(err)
	}
	for upTo := range len(d.log) + 1 {
		d.cuts(base, upTo, func(after *disk) {
			states++
			committed := upTo == len(d.log)
			if saw := del.see(after); saw != del.new && (saw != del.old || committed) {
				wrong = append(wrong, fmt.Sprintf("cut after %d changes: consumer sees %q", upTo, saw))
			}
			// New links follow the flip; those of before stay until it is durable.
			if names := unlinked(after); len(names) > 0 && (committed || del.see(after) == del.old) {
				wrong = append(wrong, fmt.Sprintf("cut after %d changes: consumer sees %q, but no link to %q", upTo, del.see(after), names))
			}
			if err := del.recover(after.dir()); err != nil {
				wrong = append(wrong, fmt.Sprintf("cut after %d changes: sweep: %v", upTo, err))
			}
			if left := after.leftovers(); len(left) > 0 {
				wrong = append(wrong, fmt.Sprintf("cut after %d changes: left behind %q", upTo, left))
			}
			if err := del.deliver(after.dir()); err != nil || del.see(after) != del.new {
				wrong = append(wrong, fmt.Sprintf("cut after %d changes: next delivery: %v, consumer sees %q", upTo, err, del.see(after)))
			}
		})
	}
	return states, wrong
}

func TestEveryPowerCutLeavesOldOrNew(t *testing.T) {
	total := 0
	for _, del := range deliveries() {
		t.Run(del.name, func(t *testing.T) {
			states, wrong := del.violations(t, nil)
			total += states
			for _, w := range wrong[:min(5, len(wrong))] {
				t.Error(w)
			}
		})
	}
	t.Logf("%d states", total)
	if total < 2000 {
		t.Errorf("only %d states: the model has lost its teeth", total)
	}
}

// A model that accepts everything proves nothing: without either kind of sync
// there must be a state that it refuses.
func TestModelNoticesAMissingSync(t *testing.T) {
	for name, tune := range map[string]func(*disk){
		"file data and mode": func(d *disk) { d.ignoreFileSync = true },
		"names":              func(d *disk) { d.ignoreDirSync = true },
	} {
		for _, del := range deliveries()[:5] { // the last one, never synced, has millions of states
			t.Run(name+"/"+del.name, func(t *testing.T) {
				if _, wrong := del.violations(t, tune); len(wrong) == 0 {
					t.Error("no violation found")
				}
			})
		}
	}
}

func TestEveryErrorLeavesOldOrNewAndSaysWhich(t *testing.T) {
	for _, del := range deliveries() {
		for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO, syscall.EROFS, syscall.EMFILE, syscall.EBUSY} {
			for n := 1; ; n++ {
				_, d := del.start(t)
				d.failAt, d.failBy = n, errno
				err := del.deliver(d.dir())
				if d.steps < n {
					break
				}
				if err == nil {
					if del.see(d) != del.new {
						t.Errorf("%s: operation %d fails with %v: no error, consumer sees %q", del.name, n, errno, del.see(d))
					}
					continue
				}
				want := del.old
				if errors.Is(err, ErrInDoubt) {
					want = del.new
				}
				if saw := del.see(d); saw != want {
					t.Errorf("%s: operation %d fails with %v: consumer sees %q after %v", del.name, n, errno, saw, err)
				}
				d.failAt = 0
				if err := errors.Join(del.recover(d.dir()), del.deliver(d.dir()), del.recover(d.dir())); err != nil {
					t.Errorf("%s: after operation %d failed: %v", del.name, n, err)
				}
				if left := d.leftovers(); len(left) > 0 || del.see(d) != del.new {
					t.Errorf("%s: after operation %d failed: left %q, consumer sees %q", del.name, n, left, del.see(d))
				}
			}
		}
	}
}

func TestLinksNeverLeadToNothing(t *testing.T) {
	del := deliveries()[4]
	_, d := del.start(t)
	if err := del.deliver(d.dir()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"B", "C"} {
		if linked, err := d.dir().Linked(name); err != nil || !linked {
			t.Errorf("%s: linked %v, %v", name, linked, err)
		}
	}
	if _, err := d.dir().Kind("A"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("link of a name that is gone: %v", err)
	}
	// In the order of the log a link to a file appears only after the flip.
	base, _ := del.start(t)
	live := base.clone()
	for len(live.nodes) < len(d.nodes) {
		live.nodes = append(live.nodes, d.nodes[len(live.nodes)])
	}
	for i, c := range d.log {
		live.apply(c)
		if _, linked := live.nodes[0].names["C"]; linked && !strings.Contains(seeGeneration(live), "C=3") {
			t.Fatalf("after change %d C is linked and leads to nothing", i)
		}
	}
}
