package authn

import (
	"fmt"
	"net/url"
)

// Reason says in one word why a request has no principal. It is a metric label
// and a log value: the set is closed and tells nothing about the token's holder.
type Reason string

// The reasons. NoToken is a 401 without error; MalformedRequest is a 400;
// Unavailable is a 503; all others are 401 invalid_token.
const (
	NoToken          Reason = "no_token"
	MalformedRequest Reason = "malformed_request"
	Malformed        Reason = "malformed_token"
	BadType          Reason = "bad_type"
	BadAlgorithm     Reason = "bad_algorithm"
	CriticalHeader   Reason = "critical_header"
	UnknownKey       Reason = "unknown_key"
	BadSignature     Reason = "bad_signature"
	BadIssuer        Reason = "bad_issuer"
	BadAudience      Reason = "bad_audience"
	Expired          Reason = "expired"
	NotYetValid      Reason = "not_yet_valid"
	MissingClaim     Reason = "missing_claim"
	SenderBound      Reason = "sender_bound"
	Inactive         Reason = "inactive"
	Revoked          Reason = "revoked"
	Unavailable      Reason = "unavailable"
)

// Error is why a request has no principal. Detail is for the log of whoever
// runs the server; it never quotes the token, and callers never see it.
type Error struct {
	Reason Reason
	Detail string
}

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Detail }

func refuse(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

func unescapeQuery(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}
