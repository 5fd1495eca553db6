package sandbox

import (
	"slices"
	"strings"
)

// Place is where the drop-in belongs.
const Place = "/etc/systemd/system/" + Service + ".d/50-config.conf"

// Steps put the drop-in in place. Groups and mounts are made at a start, so that a reload
// is not enough; what is delivered stays meanwhile.
var Steps = []string{
	"livekey config systemd | sudo install -D -m 0644 /dev/stdin " + Place,
	"sudo systemctl daemon-reload && sudo systemctl restart livekey",
}

// DropIn is the drop-in that gives needs, each with the lines of the config behind it; ""
// if there are none.
func DropIn(needs []Need) string {
	if len(needs) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("# What livekey's config needs beyond " + Service + ", as `livekey config systemd` prints it.\n")
	b.WriteString("# Put in place with\n")
	for _, step := range Steps {
		b.WriteString("#   " + step + "\n")
	}
	b.WriteString("[Service]\n")
	for _, n := range merged(needs) {
		b.WriteByte('\n')
		for _, where := range n.where {
			b.WriteString("# " + oneLine(where) + "\n")
		}
		for _, note := range n.notes {
			b.WriteString("#   " + oneLine(note) + "\n")
		}
		for _, line := range n.lines {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// block is what the lines of one or more needs have in common.
type block struct {
	of, lines, where, notes []string
}

// merged makes one block of needs with the same lines, in the order of the first. A
// line that an earlier block has is not said again.
func merged(needs []Need) []block {
	var blocks []block
	said := map[string]bool{}
	for _, n := range needs {
		at := slices.IndexFunc(blocks, func(b block) bool { return slices.Equal(b.of, n.lines) && slices.Equal(b.notes, n.notes) })
		if at < 0 {
			at = len(blocks)
			blocks = append(blocks, block{of: n.lines, notes: n.notes})
			for _, line := range n.lines {
				if !said[line] {
					blocks[at].lines = append(blocks[at].lines, line)
				}
				said[line] = true
			}
		}
		if !slices.Contains(blocks[at].where, n.where) {
			blocks[at].where = append(blocks[at].where, n.where)
		}
	}
	return blocks
}
