package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/report"
	"github.com/livekey/livekey/internal/ui"
)

// heldStyles are how the versions that somebody may hold look.
var heldStyles = map[report.Held]ui.Style{
	report.HeldCurrent: ui.Good, report.HeldPrevious: ui.Warn, report.HeldOlder: ui.Warn, report.HeldDead: ui.Bad,
}

// whoHasText prints a table for each key, what is known of a pasted value, and where
// nobody could look. name is the key that was asked about, empty for all.
func (a *app) whoHasText(name key.Name, w report.WhoHas, now time.Time) error {
	if w.Asked != nil {
		if err := a.askedText(*w.Asked); err != nil {
			return err
		}
	}
	var keys []key.Name
	for _, h := range w.Holders {
		if !slices.Contains(keys, h.Key) {
			keys = append(keys, h.Key)
		}
	}
	for _, k := range keys {
		title := cmp.Or(string(k), "no version that livekey knows")
		if err := a.print(a.out.Paint(ui.Title, title) + "\n"); err != nil {
			return err
		}
		if err := a.out.Print(holdersTable(k, w.Holders, now)); err != nil {
			return err
		}
		if err := a.print("\n"); err != nil {
			return err
		}
	}
	return a.whoHasEnd(name, w)
}

// holdersTable is everybody who was seen with the key, and below each that should not
// have what it has, what to do.
func holdersTable(k key.Name, all []report.Holder, now time.Time) *ui.Table {
	table := ui.NewTable("holds", "who", "pid", "program", "user", "as", "started")
	for _, h := range all {
		if h.Key != k {
			continue
		}
		pid, as := "", h.Variable
		if h.PID != 0 {
			pid = strconv.Itoa(h.PID)
		}
		if as == string(k) {
			as = "" // the column is only there if somebody has it by another name
		}
		since := ""
		if !h.StartedAt.IsZero() {
			since = ui.Age(now, h.StartedAt)
		}
		held := ui.Cell{Text: cmp.Or(string(h.Stage), "it"), Style: heldStyles[h.Stage]}
		table.Row(held, ui.Text(whoHolds(h)), ui.Text(pid), ui.Text(h.Command), ui.Text(h.User), ui.Text(as), ui.Text(since))
		if len(h.Exporters) > 0 && h.Stage != report.HeldCurrent {
			table.Note(ui.Cell{Text: "passed on by " + exporters(h.Exporters), Style: ui.Faint})
		}
		if h.Fix != "" {
			table.Note(ui.Text("-> " + h.Fix))
		}
	}
	return table
}

// whoHolds is the widest name by which a holder is restarted, or where it is.
func whoHolds(h report.Holder) string {
	switch {
	case h.Kind == "file", h.Kind == "inode", h.Kind == "mount":
		return map[string]string{"file": "", "inode": "replaced ", "mount": "mount of "}[h.Kind] + h.Path
	case h.Kind == "unit":
		return "Environment= of " + cmp.Or(h.UserUnit, h.Unit)
	case h.Kind == "manager":
		return "systemd's environment"
	case h.Pod != "":
		return "pod " + h.Pod
	case h.Container != "":
		return "container " + h.Container[:min(12, len(h.Container))]
	default:
		return cmp.Or(h.UserUnit, h.Unit)
	}
}

func exporters(all []report.Exporter) string {
	var names []string
	for _, e := range all {
		names = append(names, fmt.Sprintf("%s (pid %d)", e.Command, e.PID))
	}
	return strings.Join(names, ", ")
}

// askedText says what a pasted value is.
func (a *app) askedText(asked report.Asked) error {
	if len(asked.Known) == 0 {
		return a.print(a.out.Wrap(ui.Warn, "", "  ", "the pasted key ("+asked.Fingerprint+") is no version that livekey knows") + "\n")
	}
	for _, k := range asked.Known {
		text := fmt.Sprintf("the pasted key (%s) is version %s of %s: %s", asked.Fingerprint, cmp.Or(string(k.Version), "-"), k.Key, k.Stage)
		if err := a.print(a.out.Wrap(heldStyles[k.Stage], "", "  ", text)); err != nil {
			return err
		}
	}
	return a.print("\n")
}

// whoHasEnd says how far livekey could see. Nobody in sight is never nobody.
func (a *app) whoHasEnd(name key.Name, w report.WhoHas) error {
	if len(w.Holders) == 0 {
		what := "any key"
		switch {
		case w.Asked != nil:
			what = "the pasted key"
		case name != "":
			what = string(name)
		}
		if err := a.say("nobody was seen with %s, which proves nothing", what); err != nil {
			return err
		}
	}
	if err := a.print(a.out.Wrap(ui.Faint, "", "  ", "looked at "+processes(w.Processes))); err != nil {
		return err
	}
	return a.unseen(w.Unseen)
}

// unseen says where nobody could look.
func (a *app) unseen(lines []string) error {
	for _, line := range lines {
		if err := a.print(a.out.Wrap(ui.Warn, "", "  ", "not seen: "+line)); err != nil {
			return err
		}
	}
	return nil
}

func processes(n int) string {
	if n == 1 {
		return "1 process"
	}
	return strconv.Itoa(n) + " processes"
}
