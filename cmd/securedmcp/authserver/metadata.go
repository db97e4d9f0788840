package authserver

import (
	"encoding/json"
	"maps"
	"net/http"
)

// SetMetadata changes the members of the metadata document from now on; a nil
// value leaves the member out. Another call adds to the changes, and
// ResetMetadata undoes them.
func (h *Handler) SetMetadata(members map[string]any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.Copy(h.metadata, members)
}

// ResetMetadata undoes every SetMetadata.
func (h *Handler) ResetMetadata() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.metadata)
}

// serveMetadata answers with one document for OAuth (RFC 8414) and OpenID
// Connect Discovery: their members do not disagree.
func (h *Handler) serveMetadata(w http.ResponseWriter, _ *http.Request) {
	document := h.defaultMetadata()
	h.mu.Lock()
	if h.signed != nil {
		document["introspection_signing_alg_values_supported"] = document["id_token_signing_alg_values_supported"]
	}
	overlay(document, h.metadata)
	h.mu.Unlock()
	writeJSON(w, http.StatusOK, document)
}

func (h *Handler) defaultMetadata() map[string]any {
	document := map[string]any{
		"issuer":                                                   h.config.Issuer,
		"authorization_endpoint":                                   h.endpointURL("/authorize"),
		"token_endpoint":                                           h.endpointURL("/token"),
		"jwks_uri":                                                 h.endpointURL("/jwks"),
		"registration_endpoint":                                    h.endpointURL("/register"),
		"introspection_endpoint":                                   h.endpointURL("/introspect"),
		"response_types_supported":                                 []string{"code"},
		"response_modes_supported":                                 []string{"query"},
		"grant_types_supported":                                    grantTypes(),
		"code_challenge_methods_supported":                         []string{"S256"},
		"token_endpoint_auth_methods_supported":                    []string{authBasic, authPost, authKey, authNone},
		"token_endpoint_auth_signing_alg_values_supported":         proofAlgorithms(),
		"introspection_endpoint_auth_methods_supported":            []string{authBasic, authPost, authKey},
		"introspection_endpoint_auth_signing_alg_values_supported": proofAlgorithms(),
		"authorization_response_iss_parameter_supported":           true,
		"client_id_metadata_document_supported":                    h.config.ClientMetadata != nil,
		"dpop_signing_alg_values_supported":                        proofAlgorithms(),
		// OpenID Connect Discovery requires these two.
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": h.keys.algorithms(),
	}
	if len(h.config.Scopes) > 0 {
		document["scopes_supported"] = h.config.Scopes
	}
	return document
}

// overlay sets the members of changes in document; a nil value removes one.
func overlay(document, changes map[string]any) {
	for name, value := range changes {
		if value == nil {
			delete(document, name)
			continue
		}
		document[name] = value
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "encoding the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // a client that has gone away is its own affair
}
