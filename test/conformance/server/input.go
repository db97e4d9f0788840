//nolint:staticcheck // the suites call for features that are deprecated, too
package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// inputTools answer that they need input of the client, and go on when the call
// comes again with it (input required results, MCP 2026-07-28).
func inputTools() []tool {
	state := newSealer()
	return []tool{
		{name: "test_input_required_result_elicitation", description: "Asks for a name", handler: asking("user_name", askString("What is your name?", "name"))},
		{name: "test_input_required_result_sampling", description: "Asks for a completion", handler: asking("capital_question", sample("What is the capital of France?", 100))},
		{name: "test_input_required_result_list_roots", description: "Asks for roots", handler: asking("client_roots", &mcp.ListRootsParams{})},
		{name: "test_input_required_result_request_state", description: "Asks for a confirmation, with state", handler: state.rounds(confirm())},
		{name: "test_input_required_result_tampered_state", description: "Asks for a confirmation, with state", handler: state.rounds(confirm())},
		{name: "test_input_required_result_multiple_inputs", description: "Asks for three things at once", handler: state.rounds(mcp.InputRequestMap{
			"user_name": askString("What is your name?", "name"), "greeting": sample("Generate a greeting", 50), "client_roots": &mcp.ListRootsParams{},
		})},
		{name: "test_input_required_result_multi_round", description: "Asks for one thing after the other", handler: state.rounds(
			mcp.InputRequestMap{"step1": askString("Step 1: What is your name?", "name")},
			mcp.InputRequestMap{"step2": askString("Step 2: What is your favorite color?", "color")})},
		{name: "test_input_required_result_capabilities", description: "Asks only for what the client can do", handler: askWhatTheClientCan},
		{name: "test_elicitation", description: "Asks for a name", schema: messageSchema, handler: asking("answer", askString("What is your name?", "name"))},
		{name: "test_sampling", description: "Asks for a completion", schema: promptSchema, handler: asking("answer", sample("Say something", 100))},
		{name: "test_elicitation_sep1034_defaults", description: "Asks with defaults", handler: asking("answer", askString("What is your name?", "name"))},
		{name: "test_elicitation_sep1330_enums", description: "Asks for choices", handler: asking("answer", askString("What is your name?", "name"))},
	}
}

const (
	messageSchema = `{"type":"object","properties":{"message":{"type":"string"}}}`
	promptSchema  = `{"type":"object","properties":{"prompt":{"type":"string"}}}`
)

func askString(message, property string) *mcp.ElicitParams {
	return &mcp.ElicitParams{Message: message, RequestedSchema: &jsonschema.Schema{
		Type: "object", Properties: map[string]*jsonschema.Schema{property: {Type: "string"}}, Required: []string{property},
	}}
}

func confirm() mcp.InputRequestMap {
	return mcp.InputRequestMap{"confirm": &mcp.ElicitParams{Message: "Please confirm", RequestedSchema: &jsonschema.Schema{
		Type: "object", Properties: map[string]*jsonschema.Schema{"ok": {Type: "boolean"}}, Required: []string{"ok"},
	}}}
}

func sample(prompt string, maxTokens int64) *mcp.CreateMessageParams {
	return &mcp.CreateMessageParams{MaxTokens: maxTokens, Messages: []*mcp.SamplingMessage{{Role: "user", Content: text(prompt)}}}
}

// asking asks until there is a response of the right kind.
func asking(id string, question mcp.InputRequest) mcp.ToolHandler {
	return func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if answers(req.Params.InputResponses, mcp.InputRequestMap{id: question}) {
			return done("thank you")
		}
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{id: question}}, nil
	}
}

// answers tells whether every question has a response of its kind.
func answers(responses mcp.InputResponseMap, questions mcp.InputRequestMap) bool {
	for id, question := range questions {
		ok := false
		switch response := responses[id].(type) {
		case *mcp.ElicitResult:
			_, ok = question.(*mcp.ElicitParams)
			ok = ok && response.Action == "accept"
		case *mcp.CreateMessageResult, *mcp.CreateMessageWithToolsResult:
			_, ok = question.(*mcp.CreateMessageParams)
		case *mcp.ListRootsResult:
			_, ok = question.(*mcp.ListRootsParams)
		}
		if !ok {
			return false
		}
	}
	return true
}

func askWhatTheClientCan(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	questions := mcp.InputRequestMap{}
	if c := req.ClientCapabilities(); c != nil {
		if c.Elicitation != nil {
			questions["user_name"] = askString("What is your name?", "name")
		}
		if c.Sampling != nil {
			questions["greeting"] = sample("Generate a greeting", 50)
		}
	}
	if len(questions) == 0 || len(req.Params.InputResponses) > 0 {
		return done("thank you")
	}
	return &mcp.CallToolResult{InputRequests: questions}, nil
}

// sealer makes state that clients carry and cannot change.
type sealer struct{ key []byte }

func newSealer() *sealer {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return &sealer{key: key}
}

func (s *sealer) seal(state string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(state))
	return state + "." + hex.EncodeToString(mac.Sum(nil))
}

// round returns which round the state belongs to: 0 without state.
func (s *sealer) round(sealed string, rounds int) (int, error) {
	if sealed == "" {
		return 0, nil
	}
	for n := 1; n <= rounds; n++ {
		if hmac.Equal([]byte(sealed), []byte(s.seal(strings.Repeat("i", n)))) {
			return n, nil
		}
	}
	return 0, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "the request state is not one of this server"}
}

// rounds asks one set of questions after the other. Where the conversation is,
// is in the state that the client carries.
func (s *sealer) rounds(questions ...mcp.InputRequestMap) mcp.ToolHandler {
	return func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		n, err := s.round(req.Params.RequestState, len(questions))
		if err != nil {
			return nil, err
		}
		if n > 0 && !answers(req.Params.InputResponses, questions[n-1]) {
			n--
		}
		if n == len(questions) {
			return done("thank you")
		}
		return &mcp.CallToolResult{InputRequests: questions[n], RequestState: s.seal(strings.Repeat("i", n+1))}, nil
	}
}
