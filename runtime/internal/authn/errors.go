package authn

import (
	"fmt"
	"net/url"
	"time"
)

// Reason says in one word why a request has no principal. It is a metric label
// and a log value: the set is closed and tells nothing about the token's holder.
type Reason string

// The reasons. NoToken and BearerRefused are a 401 without error;
// MalformedRequest and CallerLeft, which nobody reads, are a 400; Unavailable and ReplayMemoryFull are a 503; BadProof
// and ProofReplayed are 401 invalid_dpop_proof, NonceNeeded is 401
// use_dpop_nonce; all others are 401 invalid_token.
const (
	NoToken          Reason = "no_token"
	MalformedRequest Reason = "malformed_request"
	Malformed        Reason = "malformed_token"
	BadType          Reason = "bad_type"
	BadAlgorithm     Reason = "bad_algorithm"
	CriticalHeader   Reason = "critical_header"
	UnknownKey       Reason = "unknown_key"
	AmbiguousKey     Reason = "ambiguous_key"
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
	CallerLeft       Reason = "caller_left"
	BearerRefused    Reason = "bearer_refused"
	NotBound         Reason = "not_sender_bound"
	WrongKey         Reason = "wrong_key"
	BadProof         Reason = "bad_proof"
	ProofReplayed    Reason = "proof_replayed"
	NonceNeeded      Reason = "nonce_needed"
	ReplayMemoryFull Reason = "replay_memory_full"
)

// Error is why a request has no principal. Detail is for the log of whoever
// runs the server; it never quotes the token, and callers never see it.
type Error struct {
	Reason Reason
	Detail string
	// RetryAfter is when to try again, where that is known.
	RetryAfter time.Duration
}

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Detail }

func refuse(reason Reason, format string, args ...any) *Error {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	return &Error{Reason: reason, Detail: format}
}

func unescapeQuery(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}
