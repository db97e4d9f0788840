// Package console tells a story on a terminal or into a file: numbered steps,
// the commands a person would type, what came back, and a sign of life while
// something is slow. Colours and moving lines are for terminals only.
package console

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

const (
	margin = "       " // as wide as the number of a step
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	cyan   = "\x1b[36m"
	reset  = "\x1b[0m"
)

// Console writes the story. It is safe for use by several goroutines.
type Console struct {
	mu      sync.Mutex
	out     io.Writer
	colour  bool
	live    bool // a line may be overwritten
	pending bool // such a line is on the screen
	step    int
	steps   int
	started time.Time
}

// New writes to out a story of so many steps. Colours are used if out is a
// terminal and NO_COLOR is not set (https://no-color.org).
func New(out io.Writer, steps int) *Console {
	terminal := isTerminal(out)
	return &Console{
		out: out, steps: steps, live: terminal, started: time.Now(),
		colour: terminal && os.Getenv("NO_COLOR") == "",
	}
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}

// Step begins the next step.
func (c *Console) Step(title string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step++
	c.println("")
	c.println(c.paint(bold, fmt.Sprintf("%2d/%d  %s", c.step, c.steps, title)))
}

// Number is the number of the step that runs.
func (c *Console) Number() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.step
}

// Say tells something in plain words.
func (c *Console) Say(format string, args ...any) { c.block("", fmt.Sprintf(format, args...)) }

// Done tells of something that came out as it should.
func (c *Console) Done(format string, args ...any) {
	c.block(green, "✓ "+fmt.Sprintf(format, args...))
}

// Command shows what a person would type.
func (c *Console) Command(line string) { c.block(cyan, "$ "+line) }

// Verbatim shows text as it came.
func (c *Console) Verbatim(text string) { c.block(dim, text) }

// Failed tells what went wrong.
func (c *Console) Failed(format string, args ...any) {
	c.block(red, "✗ "+fmt.Sprintf(format, args...))
}

// Plain writes lines without the margin, for what comes before and after the
// steps.
func (c *Console) Plain(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.println(fmt.Sprintf(format, args...))
}

// Title writes an emphasized line without the margin.
func (c *Console) Title(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.println(c.paint(bold, fmt.Sprintf(format, args...)))
}

// Elapsed is how long the story has lasted.
func (c *Console) Elapsed() time.Duration { return time.Since(c.started) }

// Table shows rows with aligned columns.
func (c *Console) Table(rows [][]string) {
	widths := map[int]int{}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	c.block("", b.String())
}

func (c *Console) block(colour, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		c.println(strings.TrimRight(margin+c.paint(colour, line), " "))
	}
}

func (c *Console) paint(colour, text string) string {
	if !c.colour || colour == "" || text == "" {
		return text
	}
	return colour + text + reset
}

// println writes a line, over the moving one if there is one.
func (c *Console) println(line string) {
	c.erase()
	fmt.Fprintln(c.out, line)
}

func (c *Console) erase() {
	if c.pending {
		fmt.Fprint(c.out, "\r\x1b[2K")
		c.pending = false
	}
}
