package tools

import (
	"context"
	"slices"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// What touchEmpty adds for a moment must be in no list.
func TestOnlyWhatIsDeclaredIsListed(t *testing.T) {
	declared := &mcp.Tool{Name: "lookup", Description: "Look an invoice up"}
	sdk := func(context.Context, string, mcp.Request) (mcp.Result, error) {
		return &mcp.ListToolsResult{Tools: []*mcp.Tool{{Name: "another"}, {Name: "lookup"}}}, nil
	}
	result, err := catalog{"lookup": declared}.middleware(sdk)(t.Context(), "tools/list", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := result.(*mcp.ListToolsResult).Tools; !slices.Equal(got, []*mcp.Tool{declared}) {
		t.Errorf("the list has %v, want the declaration of lookup alone", got)
	}
}
