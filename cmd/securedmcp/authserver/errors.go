package authserver

import (
	"errors"
	"fmt"
	"net/http"
)

// oauthError is an error that the protocol has a name for (RFC 6749 sections
// 4.1.2.1 and 5.2, RFC 7591 section 3.2.2, RFC 8707 section 2).
type oauthError struct {
	code        string
	description string
}

func (e *oauthError) Error() string { return e.code + ": " + e.description }

func oauthErrorf(code, format string, args ...any) *oauthError {
	return &oauthError{code, fmt.Sprintf(format, args...)}
}

const (
	errInvalidRequest     = "invalid_request"
	errInvalidClient      = "invalid_client"
	errInvalidGrant       = "invalid_grant"
	errInvalidScope       = "invalid_scope"
	errInvalidTarget      = "invalid_target"
	errUnauthorizedClient = "unauthorized_client"
	errUnsupportedGrant   = "unsupported_grant_type"
	errUnsupportedType    = "unsupported_response_type"
	errInvalidProof       = "invalid_dpop_proof"
	errAccessDenied       = "access_denied"
	errInvalidRedirectURI = "invalid_redirect_uri"
	errInvalidMetadata    = "invalid_client_metadata"
)

// writeError answers with err as JSON: 401 when the client could not be
// authenticated, 400 when the request is at fault, 500 otherwise.
func writeError(w http.ResponseWriter, err error) {
	var protocol *oauthError
	if !errors.As(err, &protocol) {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	status := http.StatusBadRequest
	if protocol.code == errInvalidClient {
		w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
		status = http.StatusUnauthorized
	}
	writeJSON(w, status, map[string]string{"error": protocol.code, "error_description": protocol.description})
}
