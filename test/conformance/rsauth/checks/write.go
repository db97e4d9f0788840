package checks

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteJSON writes the report as a JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// WriteTable writes the report as a table, and a line that sums it up.
func (r *Report) WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CHECK\tLEVEL\tRESULT\tSENT\tGOT\tWANTED\tREFERENCE")
	counts := map[Status]int{}
	for _, x := range r.Results {
		counts[x.Status]++
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.Check, x.Level, x.Status, x.Sent, x.Got, x.Want, x.Reference)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s, MCP %s: %d passed, %d failed (%d MUST), %d skipped\n",
		r.URL, r.Revision, counts[Pass], counts[Fail], len(r.Failed(Must)), counts[Skip])
	return err
}
