package story

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/securedmcp/operator/hack/demo/client"
)

const (
	lookupTool = "lookup_invoice"
	voidTool   = "void_invoice"
	invoiceID  = "INV-2041"
	writeScope = "invoices:write"
)

func (s *story) listTools(ctx context.Context) error {
	list, err := s.session.ListTools(ctx, nil)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, tool := range list.Tools {
		rows = append(rows, []string{tool.Name, tool.Description})
	}
	s.console.Table(rows)
	if len(list.Tools) != 2 {
		return fmt.Errorf("want the 2 tools of the sample, got %d", len(list.Tools))
	}
	return nil
}

func (s *story) lookUpInvoice(ctx context.Context) error {
	invoice, err := s.callInvoice(ctx, lookupTool, map[string]any{"invoiceId": invoiceID})
	if err != nil {
		return err
	}
	if invoice["status"] != "open" {
		return fmt.Errorf("want invoice %s to be open, got %v", invoiceID, invoice["status"])
	}
	s.console.Done("the billing API answered; had the client's token come along, it would have answered 400")
	return nil
}

// voidInvoice shows the refusal and the step-up that the client makes of it.
func (s *story) voidInvoice(ctx context.Context) error {
	s.client.Wire.Take()
	invoice, err := s.callInvoice(ctx, voidTool, map[string]any{"invoiceId": invoiceID, "reason": "duplicate"})
	record := s.client.Wire.Take()
	refused := client.Find(record, func(e client.Exchange) bool { return e.Status == http.StatusForbidden && e.HasToken })
	if refused == nil {
		return errors.Join(errors.New("want the first call to be refused with 403, and it was not"), err)
	}
	s.showExchange(refused, "WWW-Authenticate")
	challenge := refused.Header.Get("WWW-Authenticate")
	if !strings.Contains(challenge, "insufficient_scope") || !strings.Contains(challenge, writeScope) {
		return fmt.Errorf("want insufficient_scope and %s in the challenge", writeScope)
	}
	if err != nil {
		return err
	}
	s.console.Say("the client asked for that scope, alice agreed, and it called again:")
	if err := s.showToken(ctx); err != nil {
		return err
	}
	s.console.Verbatim(fmt.Sprintf("< %v", compact(invoice)))
	if invoice["status"] != "void" {
		return fmt.Errorf("want invoice %s to be void, got %v", invoiceID, invoice["status"])
	}
	s.console.Done("%s is void", invoiceID)
	return nil
}

// callInvoice calls a tool that answers with an invoice, and shows it unless
// there is more to be told first.
func (s *story) callInvoice(ctx context.Context, tool string, arguments map[string]any) (map[string]any, error) {
	s.console.Verbatim(fmt.Sprintf("> tools/call %s %s", tool, compact(arguments)))
	result, err := s.session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		return nil, err
	}
	if result.IsError || len(result.Content) == 0 {
		return nil, fmt.Errorf("the tool answered with an error: %s", compact(result.Content))
	}
	invoice, ok := result.StructuredContent.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("want an invoice as structured content, got %T", result.StructuredContent)
	}
	if tool == lookupTool {
		s.console.Verbatim("< " + compact(invoice))
	}
	return invoice, nil
}

func compact(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}
