package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/securedmcp/operator/test/conformance/rsauth/checks"
)

// write writes the report and returns the exit code that it asks for.
func write(stdout, stderr io.Writer, report *checks.Report, asJSON bool) int {
	format := report.WriteTable
	if asJSON {
		format = report.WriteJSON
	}
	if err := format(stdout); err != nil {
		fmt.Fprintln(stderr, "rsauth: writing the report:", err)
		return exitUntested
	}
	if len(report.Failed(checks.Must)) > 0 {
		return exitFailed
	}
	return 0
}

func printChecks(stdout io.Writer) int {
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CHECK\tLEVEL\tSENDS\tWANTS\tREFERENCE")
	for _, c := range checks.All() {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", c.ID, c.Level, c.Sends, c.Wants, c.Reference)
	}
	if table.Flush() != nil {
		return exitUntested
	}
	return 0
}
