package checks

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// answer is what came back.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// firstEvent reads until the first event with data is complete.
func firstEvent(r io.Reader) ([]byte, error) {
	var event bytes.Buffer
	lines := bufio.NewReader(io.LimitReader(r, maxBody))
	for {
		line, err := lines.ReadString('\n')
		event.WriteString(line)
		switch {
		case err == io.EOF:
			return event.Bytes(), nil
		case err != nil:
			return nil, err
		case strings.TrimSpace(line) == "" && strings.Contains(event.String(), "data: {"):
			return event.Bytes(), nil
		}
	}
}

// message is the JSON-RPC message of the answer, nil without one. Of an event
// stream it is the first.
func (a *answer) message() map[string]any {
	raw := a.Body
	if isEvents(a.Header) {
		_, data, _ := strings.Cut(string(raw), "data: {")
		raw = []byte("{" + data)
	}
	var m map[string]any
	if json.NewDecoder(bytes.NewReader(raw)).Decode(&m) != nil {
		return nil
	}
	return m
}

func (a *answer) result() map[string]any {
	result, _ := a.message()["result"].(map[string]any)
	return result
}

// code is the code of a JSON-RPC error, 0 without one.
func (a *answer) code() int {
	e, _ := a.message()["error"].(map[string]any)
	code, _ := e["code"].(float64)
	return int(code)
}

// accepted tells whether the request got past authorization and transport.
func (a *answer) accepted() bool { return a.Status >= 200 && a.Status < 300 }

// challenge returns the parameters of the Bearer challenge, or of the DPoP
// challenge where there is no other, nil without one.
func (a *answer) challenge() map[string]string {
	if c := a.challengeOf(schemeBearer); c != nil {
		return c
	}
	return a.challengeOf(schemeDPoP)
}

// challengeOf returns the parameters of the challenge of a scheme, nil without
// one.
func (a *answer) challengeOf(scheme string) map[string]string {
	challenges, err := oauthex.ParseWWWAuthenticate(a.Header.Values("WWW-Authenticate"))
	if err != nil {
		return nil
	}
	for _, c := range challenges {
		if strings.EqualFold(c.Scheme, scheme) {
			if c.Params == nil {
				return map[string]string{}
			}
			return c.Params
		}
	}
	return nil
}

// invalidToken is the answer to a token that is not good (RFC 6750 section 3.1).
func (a *answer) invalidToken() bool {
	return a.Status == http.StatusUnauthorized && a.challenge()["error"] == "invalid_token"
}

// scopes are those that the challenge asks for.
func (a *answer) scopes() []string { return strings.Fields(a.challenge()["scope"]) }

// String says in one line what matters of an answer here.
func (a *answer) String() string {
	parts := []string{fmt.Sprint(a.Status)}
	for _, scheme := range []string{schemeBearer, schemeDPoP} {
		parts = append(parts, describe(scheme, a.challengeOf(scheme))...)
	}
	if code := a.code(); code != 0 {
		parts = append(parts, fmt.Sprint("code ", code))
	}
	if isError, _ := a.result()["isError"].(bool); isError {
		parts = append(parts, "isError")
	}
	return strings.Join(parts, " ")
}

// describe says what matters of a challenge, nothing of none.
func describe(scheme string, c map[string]string) []string {
	if c == nil {
		return nil
	}
	parts := []string{scheme}
	for _, name := range []string{"error", "scope"} {
		if value, ok := c[name]; ok {
			parts = append(parts, fmt.Sprintf("%s=%q", name, value))
		}
	}
	if _, ok := c["resource_metadata"]; ok {
		parts = append(parts, "resource_metadata")
	}
	return parts
}
