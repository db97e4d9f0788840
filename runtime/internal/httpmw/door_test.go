package httpmw

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/audit"
	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/policy"
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

// knows takes every token for the same caller's.
type knows struct{ caller *authn.Principal }

func (k knows) Verify(context.Context, string) (*authn.Principal, error) { return k.caller, nil }

// Whose token is bound to a key and who does not prove to hold it may have found
// the token: a flood of them is slowed down as one of strangers is.
func TestWhoProvesNoKeyWaitsLikeAStranger(t *testing.T) {
	pol, err := policy.New(&config.RuntimeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		caller *authn.Principal
		status int
		waits  bool
	}{
		"a bound token without a proof": {&authn.Principal{Key: new(authn.Thumbprint)}, http.StatusUnauthorized, true},
		"a bearer token":                {&authn.Principal{}, http.StatusNoContent, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				responder := &Responder{
					Counter: new(counted), Pace: NewPace(refusalsPerSecond),
					Audit: audit.New(slog.New(slog.DiscardHandler), "https://mcp.example.com", "https://auth.example.com"),
				}
				for range refusalsAtOnce {
					responder.Pace.wait(t.Context())
				}
				door := Authenticate(knows{tc.caller}, nil, pol, responder)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(http.StatusNoContent)
				}))
				req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
				req.Header.Set("Authorization", "Bearer token")
				rec, start := httptest.NewRecorder(), time.Now()
				door.ServeHTTP(rec, req)
				if waited := time.Since(start) > 0; rec.Code != tc.status || waited != tc.waits {
					t.Errorf("status %d, waited %v; want %d and %v", rec.Code, waited, tc.status, tc.waits)
				}
			})
		})
	}
}
