package tracing

import (
	"fmt"
	"strings"

	"golang.org/x/net/http/httpguts"
)

const maxHeaders = 16

// ParseHeaders reads the headers of exports: "Name: value" on each line. Empty
// lines are passed over. Its errors quote no values.
func ParseHeaders(raw []byte) (map[string]string, error) {
	headers := map[string]string{}
	for i, line := range strings.Split(string(raw), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("line %d is not a header; want Name: value", i+1)
		}
		headers[name] = value
	}
	if len(headers) > maxHeaders {
		return nil, fmt.Errorf("%d headers; at most %d are allowed", len(headers), maxHeaders)
	}
	return headers, nil
}
