package httpmw

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/securedmcp/operator/runtime/internal/authn"
)

func TestWhatAReasonIsAnsweredWith(t *testing.T) {
	type answer struct {
		Status     int
		Error      string
		Challenge  bool
		RetryAfter time.Duration
	}
	for reason, want := range map[authn.Reason]answer{
		authn.NoToken:          {http.StatusUnauthorized, "", true, 0},
		authn.BearerRefused:    {http.StatusUnauthorized, "", true, 0},
		authn.MalformedRequest: {http.StatusBadRequest, "invalid_request", true, 0},
		authn.Expired:          {http.StatusUnauthorized, "invalid_token", true, 0},
		authn.SenderBound:      {http.StatusUnauthorized, "invalid_token", true, 0},
		authn.NotBound:         {http.StatusUnauthorized, "invalid_token", true, 0},
		authn.WrongKey:         {http.StatusUnauthorized, "invalid_token", true, 0},
		authn.BadProof:         {http.StatusUnauthorized, "invalid_dpop_proof", true, 0},
		authn.ProofReplayed:    {http.StatusUnauthorized, "invalid_dpop_proof", true, 0},
		authn.NonceNeeded:      {http.StatusUnauthorized, "use_dpop_nonce", true, 0},
		authn.Unavailable:      {http.StatusServiceUnavailable, "temporarily_unavailable", false, 5 * time.Second},
		authn.ReplayMemoryFull: {http.StatusServiceUnavailable, "temporarily_unavailable", false, 5 * time.Second},
	} {
		f := authRefusal(&authn.Error{Reason: reason}, authn.Credentials{}, nil)
		if diff := cmp.Diff(want, answer{f.Status, f.Error, f.Challenge, f.RetryAfter}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", reason, diff)
		}
	}
	full := authRefusal(&authn.Error{Reason: authn.ReplayMemoryFull, RetryAfter: 41*time.Second + 1}, authn.Credentials{}, nil)
	if full.RetryAfter != 42*time.Second {
		t.Errorf("a memory that is full for 41 s: Retry-After %s, want it rounded up", full.RetryAfter)
	}
}
