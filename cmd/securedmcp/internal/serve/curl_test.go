package serve

import (
	"os/exec"
	"testing"
)

func TestAShellReadsQuotedTextAsItWasWritten(t *testing.T) {
	for _, text := range []string{"plain", "it's", `"double" $HOME \n`, "`id`; rm x", "two\nlines", "''", "invoices:read"} {
		output, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+shellQuote(text)).Output()
		if err != nil || string(output) != text {
			t.Errorf("%q became %q, error %v", text, output, err)
		}
	}
}
