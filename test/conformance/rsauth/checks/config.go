package checks

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Protocol revisions that differ in how a request is made.
const (
	// Modern revisions are stateless.
	Modern = "2026-07-28"
	// Legacy revisions begin with initialize and may have sessions.
	Legacy = "2025-11-25"
)

// Config says what is tested. URL and Issuer are required.
type Config struct {
	// URL is the MCP endpoint, and the resource that its metadata must name.
	URL string
	// Issuer is the authorization server that the server under test trusts.
	Issuer *Issuer
	// Audience is what tokens must be for; default URL.
	Audience string
	// Scopes are those of a good token; default those that the server's challenge
	// asks for.
	Scopes []string
	// BroaderScope implies each of Scopes, if the server has such a scope (A9).
	BroaderScope string
	// Tool is a tool that needs ToolScope beside Scopes (A8, X1).
	Tool      string
	ToolScope string
	// ToolArguments are valid arguments of Tool, a JSON object; default {}.
	ToolArguments json.RawMessage
	// Revision is the protocol revision to speak: Modern (default) or Legacy.
	Revision string
	// ConnectTo is an address to connect to whatever host the URL names.
	ConnectTo string
	// TLS is for an https URL; may be nil.
	TLS *tls.Config
	// Wait is how long the server may take to accept a good token. Default 30 s.
	Wait time.Duration
	// Timeout bounds each request. Default 10 s.
	Timeout time.Duration
}

func (c Config) withDefaults() (Config, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return c, fmt.Errorf("URL: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.ContainsAny(c.URL, "?#") {
		return c, fmt.Errorf("URL %q: want an http or https URL without query and fragment", c.URL)
	}
	if c.Issuer == nil {
		return c, errors.New("no issuer is given")
	}
	setDefault(&c.Audience, c.URL)
	setDefault(&c.Revision, Modern)
	if !slices.Contains([]string{Modern, Legacy}, c.Revision) {
		return c, fmt.Errorf("revision %q: want %s or %s", c.Revision, Modern, Legacy)
	}
	if len(c.ToolArguments) == 0 {
		c.ToolArguments = json.RawMessage("{}")
	}
	if !json.Valid(c.ToolArguments) || c.ToolArguments[0] != '{' {
		return c, errors.New("the tool's arguments are not a JSON object")
	}
	if (c.Tool == "") != (c.ToolScope == "") {
		return c, errors.New("tool and tool scope: want both or neither")
	}
	if c.Wait == 0 {
		c.Wait = 30 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	return c, nil
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
