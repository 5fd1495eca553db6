package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/livekey/livekey/internal/doctor"
	"github.com/livekey/livekey/internal/key"
	"github.com/livekey/livekey/internal/ui"
)

// printDiagnoses tells, of each key, the first cause or all of them.
func (a *app) printDiagnoses(found []doctor.Diagnosis, all bool) error {
	for i, d := range found {
		if i > 0 {
			if err := a.print("\n"); err != nil {
				return err
			}
		}
		if err := a.printDiagnosis(d, all); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printDiagnosis(d doctor.Diagnosis, all bool) error {
	causes := d.Causes
	if first, ok := d.First(); ok && !all {
		causes = []doctor.Finding{first}
	}
	head := string(d.Key)
	if d.Variable != "" && d.Variable != head {
		head += " (" + d.Variable + ")"
	}
	head = fmt.Sprintf("%s in %s", head, d.At)
	if answer := answerOf(d); answer != "" {
		head += ": " + answer
	}
	if err := a.print(a.out.Wrap(ui.Title, "", "  ", head)); err != nil {
		return err
	}
	for i, f := range causes {
		if i > 0 {
			if err := a.print("\n"); err != nil {
				return err
			}
		}
		if err := a.printFinding(f); err != nil {
			return err
		}
	}
	if left := len(d.Causes) - len(causes); left > 0 {
		if err := a.say("%s more with --all", counted(left, "cause")); err != nil {
			return err
		}
	}
	if d.Request != "" && (all || showsRequest(causes)) {
		if err := a.say("the right request, which reads the key from the environment:"); err != nil {
			return err
		}
		if err := a.printCommand("", d.Request); err != nil {
			return err
		}
	}
	return a.unseen(d.Unseen)
}

// showsRequest says whether a cause is about how the key is sent.
func showsRequest(causes []doctor.Finding) bool {
	for _, f := range causes {
		if f.Cause == doctor.HeaderMissing || f.Cause == doctor.WrongHeader {
			return true
		}
	}
	return false
}

func (a *app) printFinding(f doctor.Finding) error {
	style, lead := ui.Bad, "cause"
	if !f.Certain {
		style, lead = ui.Warn, "look"
	}
	for _, line := range []struct {
		name, text string
		style      ui.Style
	}{{lead, fmt.Sprintf("%s (%s)", f.Title, f.Cause), style}, {"seen", f.Seen, ui.Plain}, {"fix", f.Fix, ui.Plain}} {
		text := strings.TrimPrefix(a.out.Wrap(line.style, below, below, line.text), below)
		if err := a.print(a.label(line.name) + text); err != nil {
			return err
		}
	}
	if f.Command == "" {
		return nil
	}
	return a.printCommand("run", f.Command)
}

// below is what stands under a label.
const below = "         "

func (a *app) label(name string) string {
	return "  " + a.out.Paint(ui.Faint, fmt.Sprintf("%-*s", len(below)-2, name))
}

// printCommand prints what is to be copied: its lines stay as they are.
func (a *app) printCommand(label, command string) error {
	var b strings.Builder
	lead := a.label(label)
	for line := range strings.SplitSeq(command, "\n") {
		b.WriteString(lead + a.out.Paint(ui.Title, ui.Clean(line)) + "\n")
		lead = below
	}
	return a.print(b.String())
}

// answerOf is what is known, in words.
func answerOf(d doctor.Diagnosis) string {
	first, found := d.First()
	switch {
	case found && first.Certain:
		return "" // it follows
	case d.Verdict == nil:
		return "nothing to be seen here is wrong; its issuer was not asked"
	case d.Verdict.Outcome == key.Live:
		return fmt.Sprintf("it lives (%s): nothing is wrong", d.Verdict.Reason)
	case d.Verdict.Outcome == key.Dead:
		return fmt.Sprintf("dead/%s", d.Verdict.Reason)
	}
	return cmp.Or(d.Verdict.Detail, "nobody can say")
}
