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

// Kinds of access tokens.
const (
	TokensJWT    = "jwt"
	TokensOpaque = "opaque"
)

// What a server takes of DPoP (RFC 9449).
const (
	// DPoPOptional servers take bearer tokens, and DPoP-bound tokens with proofs.
	DPoPOptional = "optional"
	// DPoPRequired servers take DPoP-bound tokens only.
	DPoPRequired = "required"
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
	// LoginTool is a tool that wants a strong or a recent login (RFC 9470) and can
	// be called without arguments (A15).
	LoginTool string
	// Origin is that of a client in a browser which the server allows (T2).
	Origin string
	// RateLimit is how many requests a caller may make at once (X2).
	RateLimit int
	// Revision is the protocol revision to speak: Modern (default) or Legacy.
	Revision string
	// Tokens is the kind of access token that the server is configured for:
	// TokensJWT (default) or TokensOpaque.
	Tokens string
	// DPoP is what the server takes of DPoP: DPoPOptional, DPoPRequired, or
	// nothing, the default.
	DPoP string
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
	setDefault(&c.Tokens, TokensJWT)
	if err := c.checkWords(); err != nil {
		return c, err
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

// checkWords refuses words that are not among those of their kind.
func (c *Config) checkWords() error {
	for _, w := range []struct {
		what, word string
		allowed    []string
	}{
		{"revision", c.Revision, []string{Modern, Legacy}},
		{"tokens", c.Tokens, []string{TokensJWT, TokensOpaque}},
		{"dpop", c.DPoP, []string{DPoPOptional, DPoPRequired, ""}},
	} {
		if !slices.Contains(w.allowed, w.word) {
			return fmt.Errorf("%s %q: want %s or %s", w.what, w.word, w.allowed[0], w.allowed[1])
		}
	}
	return nil
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
