package ui

import (
	"io"
	"strings"
	"unicode/utf8"
)

// Cell is one field of a table. text/tabwriter counts color codes as columns,
// so they are added here, after the widths are known.
type Cell struct {
	Text  string
	Style Style
}

// Text is a cell without a style.
func Text(s string) Cell { return Cell{Text: s} }

// Table has a line of titles and rows of as many cells.
type Table struct {
	titles []string
	rows   [][]Cell
}

// NewTable begins a table; titles are printed in capitals.
func NewTable(titles ...string) *Table { return &Table{titles: titles} }

// Row adds a line; missing cells are empty.
func (t *Table) Row(cells ...Cell) { t.rows = append(t.rows, cells) }

const gap = "  "

// Print writes the table. The last column is not padded, and a column that is
// empty in every row is left out.
func (p Printer) Print(t *Table) error {
	widths := make([]int, len(t.titles))
	for _, row := range t.rows {
		for i, c := range row {
			if n := utf8.RuneCountInString(Clean(c.Text)); n > 0 {
				widths[i] = max(widths[i], n, utf8.RuneCountInString(t.titles[i]))
			}
		}
	}
	var b strings.Builder
	head := make([]Cell, len(t.titles))
	for i, title := range t.titles {
		head[i] = Cell{strings.ToUpper(title), Faint}
	}
	for _, row := range append([][]Cell{head}, t.rows...) {
		p.line(&b, row, widths)
	}
	_, err := io.WriteString(p.Out, b.String())
	return err
}

func (p Printer) line(b *strings.Builder, row []Cell, widths []int) {
	var line strings.Builder
	pending := 0 // blanks owed before the next cell that has text
	for i, c := range row {
		if widths[i] == 0 {
			continue
		}
		if c.Text != "" {
			line.WriteString(strings.Repeat(" ", pending))
			line.WriteString(p.Paint(c.Style, c.Text))
			pending = 0
		}
		pending += widths[i] - utf8.RuneCountInString(Clean(c.Text)) + len(gap)
	}
	b.WriteString(line.String())
	b.WriteByte('\n')
}
