package authserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/securedmcp/operator/test/oauthtest"
)

func TestFaultsReplaceTheAnswer(t *testing.T) {
	s := oauthtest.New(t)
	s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Status: 503, Body: "down", Header: http.Header{"Retry-After": {"1"}}})
	if status, body := get(t, s, s.URL+"/jwks"); status != 503 || body != "down" {
		t.Errorf("status %d, body %q", status, body)
	}
	s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Body: `{"keys":`})
	if status, body := get(t, s, s.URL+"/jwks"); status != 200 || body != `{"keys":` {
		t.Errorf("status %d, body %q", status, body)
	}
	s.ClearFault(oauthtest.EndpointJWKS)
	if status, _ := get(t, s, s.URL+"/jwks"); status != 200 {
		t.Errorf("status %d after the fault was cleared", status)
	}
	if got := s.Count(oauthtest.EndpointJWKS); got != 3 {
		t.Errorf("%d requests counted; want 3, the failed ones too", got)
	}
	s.ResetCounts()
	if got := s.Count(oauthtest.EndpointJWKS); got != 0 {
		t.Errorf("%d requests counted after the reset", got)
	}
}

func TestFaultsLastAsLongAsAsked(t *testing.T) {
	s := oauthtest.New(t)
	s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Status: 500, Times: 2})
	for i, want := range []int{500, 500, 200} {
		if status, _ := get(t, s, s.URL+"/jwks"); status != want {
			t.Errorf("request %d: status %d; want %d", i+1, status, want)
		}
	}
}

func TestAnOversizeAnswerIsStillJSON(t *testing.T) {
	s := oauthtest.New(t)
	s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Pad: 1 << 20})
	_, body := get(t, s, s.URL+"/jwks")
	if len(body) < 1<<20 || !json.Valid([]byte(body)) {
		t.Errorf("%d bytes, valid %t", len(body), json.Valid([]byte(body)))
	}
}

func TestAnOutageClosesConnectionsOnEveryEndpoint(t *testing.T) {
	s := oauthtest.New(t)
	s.SetOutage(true)
	for _, path := range []string{"/jwks", "/token", "/.well-known/openid-configuration"} {
		if err := try(t.Context(), s, path); err == nil {
			t.Errorf("%s answers during an outage", path)
		}
	}
	s.SetOutage(false)
	if err := try(t.Context(), s, "/jwks"); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

func TestAnswersAreHeldBack(t *testing.T) {
	s := oauthtest.New(t)
	release := make(chan struct{})
	s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Until: release})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := try(ctx, s, "/jwks"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v; want the client's deadline", err)
	}
	close(release)
	if err := try(t.Context(), s, "/jwks"); err != nil {
		t.Errorf("after the release: %v", err)
	}
	s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Delay: 30 * time.Millisecond})
	start := time.Now()
	if err := try(t.Context(), s, "/jwks"); err != nil || time.Since(start) < 30*time.Millisecond {
		t.Errorf("error %v after %s; want an answer after 30ms", err, time.Since(start))
	}
}

func TestAServerStopsWhileItHoldsAnAnswerBack(t *testing.T) {
	t.Run("and its test does not hang", func(t *testing.T) {
		s := oauthtest.New(t)
		s.SetFault(oauthtest.EndpointJWKS, oauthtest.Fault{Until: make(chan struct{})})
		go func() { _ = try(context.WithoutCancel(t.Context()), s, "/jwks") }()
		for s.Count(oauthtest.EndpointJWKS) == 0 {
			time.Sleep(time.Millisecond)
		}
	})
}

func TestServersOverTLSHandOutTheirCertificate(t *testing.T) {
	s := oauthtest.New(t, oauthtest.WithTLS())
	if !strings.HasPrefix(s.Issuer(), "https://") || !strings.Contains(string(s.CAPEM()), "BEGIN CERTIFICATE") {
		t.Errorf("issuer %q, certificate %q", s.Issuer(), s.CAPEM())
	}
	if _, err := verify(t, s, s.Token(nil)); err != nil {
		t.Errorf("a token does not verify over TLS: %v", err)
	}
}

func try(ctx context.Context, s *oauthtest.Server, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		return err
	}
	response, err := s.Client().Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
