package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/securedmcp/operator/api/config/compile"
	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/upstream"
)

// maxErrorBytes bounds how much a caller is shown of an upstream's error body, and of
// what is wrong with arguments.
const maxErrorBytes = 4 << 10

// httpTool answers calls with one request to an HTTP upstream.
type httpTool struct {
	method   string
	path     *compile.Path
	template string
	api      *upstream.HTTP
}

func newHTTPTool(t config.HTTPTool, api *upstream.HTTP) (*httpTool, error) {
	path, err := compile.NewPath(t.Path)
	if err != nil {
		return nil, fmt.Errorf("http.path: %w", err)
	}
	return &httpTool{method: t.Method, path: path, template: t.Path, api: api}, nil
}

// call implements backend.
func (t *httpTool) call(ctx context.Context, args map[string]any) (*mcp.CallToolResult, int) {
	req, err := t.request(args)
	if err != nil {
		return failure(err.Error()), 0
	}
	resp, err := t.api.Do(ctx, req)
	if err != nil {
		return failure(err.Error()), 0
	}
	return toResult(resp), resp.Status
}

// request places the arguments: those that the template names into the path,
// the others into the query of GET and DELETE and into a JSON body otherwise.
func (t *httpTool) request(args map[string]any) (upstream.Request, error) {
	path, query, err := t.path.Expand(args)
	if err != nil {
		return upstream.Request{}, err
	}
	req := upstream.Request{Method: t.method, Path: path, Template: t.template, Query: query}
	rest := maps.Clone(args)
	maps.DeleteFunc(rest, func(name string, _ any) bool { return t.path.Names(name) })
	if t.method != http.MethodGet && t.method != http.MethodDelete {
		req.JSON, err = json.Marshal(rest)
		return req, err
	}
	return req, addQuery(&req, rest)
}

// addQuery appends arguments in order of their names. A list repeats its name.
func addQuery(req *upstream.Request, args map[string]any) error {
	values := url.Values{}
	for _, name := range slices.Sorted(maps.Keys(args)) {
		list, ok := args[name].([]any)
		if !ok {
			list = []any{args[name]}
		}
		for _, v := range list {
			s, err := compile.Scalar(v)
			if err != nil {
				return fmt.Errorf("argument %s %w, which a query cannot hold", name, err)
			}
			values.Add(name, s)
		}
	}
	if encoded := values.Encode(); encoded != "" {
		req.Query = strings.TrimPrefix(req.Query+"&"+encoded, "&")
	}
	return nil
}

// toResult makes an upstream's answer a tool's: JSON objects are structured
// content too, 4xx and 5xx are errors that the assistant can read. What a 5xx
// says of the upstream's insides stays here.
func toResult(resp *upstream.Response) *mcp.CallToolResult {
	switch {
	case resp.Status >= 500:
		return failure(fmt.Sprintf("the upstream answered with status %d", resp.Status))
	case resp.Status >= 400:
		text := fmt.Sprintf("the upstream answered with status %d", resp.Status)
		if body := printable(resp.Body, maxErrorBytes); body != "" && isText(resp.ContentType) {
			text += ": " + body
		}
		return failure(text)
	case len(resp.Body) == 0:
		return success("")
	case !isText(resp.ContentType):
		return failure("the upstream answered with a content type that is neither JSON nor text")
	}
	text := printable(resp.Body, len(resp.Body))
	result := success(text)
	if isJSON(resp.ContentType) && isStructured(text) {
		result.StructuredContent = json.RawMessage(text)
	}
	return result
}

func success(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

func failure(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

// badArguments says what is wrong with arguments. The text quotes them, for each
// schema that they might have fitted, and is many times as long.
func badArguments(err error) *mcp.CallToolResult {
	return failure("arguments: " + printable([]byte(err.Error()), maxErrorBytes))
}

func isJSON(contentType string) bool {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	return mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
}

func isText(contentType string) bool {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	return isJSON(contentType) || strings.HasPrefix(mediaType, "text/") || mediaType == "application/xml"
}

// printable returns at most limit bytes of b as valid UTF-8.
func printable(b []byte, limit int) string {
	if len(b) > limit {
		b = b[:limit]
		for len(b) > 0 && !utf8.RuneStart(b[len(b)-1]) {
			b = b[:len(b)-1]
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}
