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
	notes  map[int][]Cell // below a row, by its number
}

// NewTable begins a table; titles are printed in capitals.
func NewTable(titles ...string) *Table { return &Table{titles: titles} }

// Row adds a line; missing cells are empty.
func (t *Table) Row(cells ...Cell) { t.rows = append(t.rows, cells) }

// Note adds a line below the row that was added last, indented, and wrapped where it is
// longer than a line.
func (t *Table) Note(c Cell) {
	if t.notes == nil {
		t.notes = map[int][]Cell{}
	}
	row := len(t.rows) - 1
	t.notes[row] = append(t.notes[row], c)
}

const gap = "  "

// Print writes the table. The last column is not padded, and a column that is
// empty in every row is left out. Where a terminal is too narrow, the last column goes on
// below itself, or if there is no room at all, below the line with its title.
func (p Printer) Print(t *Table) error {
	widths := make([]int, len(t.titles))
	for _, row := range t.rows {
		for i, c := range row {
			if n := columnsOf(c.Text); n > 0 {
				widths[i] = max(widths[i], n, columnsOf(t.titles[i]))
			}
		}
	}
	head := make([]Cell, len(t.titles))
	for i, title := range t.titles {
		head[i] = Cell{strings.ToUpper(title), Faint}
	}
	last := lastColumn(widths)
	before := 0 // columns that stand before the last
	for _, w := range widths[:last] {
		if w > 0 {
			before += w + len(gap)
		}
	}
	below := p.Width > 0 && before+t.longestWord(last) > p.Width
	var b strings.Builder
	for i, row := range append([][]Cell{head}, t.rows...) {
		line, end := split(row, last)
		start := strings.Repeat(" ", before)
		switch {
		case end.Text == "":
			p.line(&b, line, widths)
			b.WriteByte('\n')
		case !below:
			b.WriteString(p.line(&b, line, widths))
			b.WriteString(strings.TrimPrefix(p.Wrap(end.Style, start, start, end.Text), start))
		default:
			p.line(&b, line, widths)
			b.WriteByte('\n')
			if i > 0 {
				b.WriteString(p.Wrap(end.Style, "  "+head[last].Text+" ", "    ", end.Text))
			}
		}
		for _, note := range t.notes[i-1] {
			b.WriteString(p.Wrap(note.Style, "  ", "    ", note.Text))
		}
	}
	_, err := io.WriteString(p.Out, b.String())
	return err
}

// columnsOf is how wide text is on a terminal.
func columnsOf(text string) int { return utf8.RuneCountInString(Clean(text)) }

// lastColumn is the last one that is not empty.
func lastColumn(widths []int) int {
	last := max(len(widths)-1, 0)
	for last > 0 && widths[last] == 0 {
		last--
	}
	return last
}

// longestWord is how wide column i must be at least.
func (t *Table) longestWord(i int) int {
	width := columnsOf(t.titles[i])
	for _, row := range t.rows {
		if i >= len(row) {
			continue
		}
		for word := range strings.FieldsSeq(row[i].Text) {
			width = max(width, columnsOf(word))
		}
	}
	return width
}

// split is a row without its cell in column last, and that cell.
func split(row []Cell, last int) ([]Cell, Cell) {
	if last >= len(row) {
		return row, Cell{}
	}
	return row[:last], row[last]
}

// line writes the cells that have text, and returns the blanks that are owed before the next.
func (p Printer) line(b *strings.Builder, row []Cell, widths []int) (owed string) {
	pending := 0
	for i, c := range row {
		if widths[i] == 0 {
			continue
		}
		if c.Text != "" {
			b.WriteString(strings.Repeat(" ", pending))
			b.WriteString(p.Paint(c.Style, c.Text))
			pending = 0
		}
		pending += widths[i] - columnsOf(c.Text) + len(gap)
	}
	return strings.Repeat(" ", pending)
}
