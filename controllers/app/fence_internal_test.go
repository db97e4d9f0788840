package app

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

func TestWritesPassWhileTheLeaseIsHeld(t *testing.T) {
	const (
		lease  = "/apis/coordination.k8s.io/v1/namespaces/a/leases/operator"
		child  = "/api/v1/namespaces/a/services/b"
		review = "/apis/authentication.k8s.io/v1/tokenreviews"
	)
	type step struct {
		after        time.Duration
		method, path string
		status       int
		want         bool
	}
	acquire := step{0, http.MethodPut, lease, http.StatusOK, true}
	for name, steps := range map[string][]step{
		"who waits for it may ask for it and write nothing else": {
			{0, http.MethodPost, child, http.StatusOK, false},
			{0, http.MethodPut, lease, http.StatusConflict, true},
			{0, http.MethodPatch, child, http.StatusOK, false},
		},
		"who waits for it may read, and ask whose a token is": {
			{0, http.MethodGet, child, http.StatusOK, true},
			{0, http.MethodPost, review, http.StatusCreated, true},
		},
		"who has it may write":                {acquire, {leaseTrust - time.Second, http.MethodPatch, child, http.StatusOK, true}},
		"who has renewed it may go on":        {acquire, {leaseTrust - time.Second, http.MethodPut, lease, http.StatusOK, true}, {leaseTrust - time.Second, http.MethodDelete, child, http.StatusOK, true}},
		"a renewal that was refused is none":  {acquire, {leaseTrust - time.Second, http.MethodPut, lease, http.StatusConflict, true}, {time.Second, http.MethodPatch, child, http.StatusOK, false}},
		"who did not renew it may read alone": {acquire, {leaseTrust, http.MethodPatch, child, http.StatusOK, false}, {0, http.MethodGet, child, http.StatusOK, true}},
		"what is named after leases is none": {
			{0, http.MethodPatch, "/apis/securedmcp.dev/v1alpha1/namespaces/leases/securedmcpservers/leases/status", http.StatusOK, false},
			acquire,
			{leaseTrust - time.Second, http.MethodPatch, "/api/v1/namespaces/a/configmaps/leases", http.StatusOK, true},
			{time.Second, http.MethodPatch, child, http.StatusOK, false},
		},
		"who lost it does not take it, or give up another's":    {acquire, {leaseTrust, http.MethodPut, lease, http.StatusOK, false}},
		"the trust in it ends before others may have the lease": {acquire, {leaseDuration - time.Second, http.MethodPatch, child, http.StatusOK, false}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var answered int
				fenced := &fencedTransport{new(fence), roundTripper(func(*http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: answered, Body: http.NoBody}, nil
				})}
				for i, s := range steps {
					time.Sleep(s.after)
					answered = s.status
					resp, err := fenced.RoundTrip(httptest.NewRequest(s.method, s.path, http.NoBody))
					if passed := err == nil; passed != s.want || err != nil && !errors.Is(err, errLeaseRanOut) {
						t.Errorf("step %d: passed %t (%v), want %t", i, passed, err, s.want)
					}
					if resp != nil {
						resp.Body.Close()
					}
				}
			})
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
