package app

import (
	"encoding/json"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/oauthex"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// metadata is the protected resource metadata (RFC 9728 section 2).
type metadata struct {
	oauthex.ProtectedResourceMetadata

	// ScopeDescriptions tell people what each scope is for. No registered
	// parameter does; section 2 allows others.
	ScopeDescriptions map[string]string `json:"securedmcp_scope_descriptions,omitempty"`
}

func newMetadata(c *config.RuntimeConfig) *metadata {
	m := &metadata{
		ProtectedResourceMetadata: oauthex.ProtectedResourceMetadata{
			Resource:               c.Resource,
			AuthorizationServers:   []string{c.Issuer},
			BearerMethodsSupported: []string{"header"},
			ResourceName:           c.Title,
		},
		ScopeDescriptions: map[string]string{},
	}
	if c.Tokens.DPoPEnabled() {
		m.DPOPSigningAlgValuesSupported = config.AllAlgorithms()
	}
	if c.Tokens.DPoP == config.DPoPRequired {
		m.DPOPBoundAccessTokensRequired = true
		m.BearerMethodsSupported = nil // there are no bearer tokens to send
	}
	for _, s := range c.Scopes {
		m.ScopesSupported = append(m.ScopesSupported, s.Name)
		if s.Description != "" {
			m.ScopeDescriptions[s.Name] = s.Description
		}
	}
	return m
}

// metadataHandler serves the metadata (RFC 9728 section 3). It is public and
// readable from any origin.
func metadataHandler(c *config.RuntimeConfig) http.Handler {
	body, err := json.Marshal(newMetadata(c))
	if err != nil {
		panic(err) // strings always encode
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "MCP-Protocol-Version")
		switch r.Method {
		case http.MethodOptions:
			w.WriteHeader(http.StatusNoContent)
		case http.MethodGet, http.MethodHead:
			h.Set("Content-Type", "application/json")
			h.Set("Cache-Control", "max-age=60")
			_, _ = w.Write(body)
		default:
			h.Set("Allow", "GET, HEAD, OPTIONS")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		}
	})
}
