package oauthtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/securedmcp/operator/test/oauthtest"
)

// A test usually calls New; NewHandler is for listeners of one's own.
func ExampleNewHandler() {
	issuer, err := oauthtest.NewHandler(oauthtest.Config{
		Issuer:   "https://auth.example.com",
		Audience: "https://mcp.example.com/billing",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := issuer.Mint(oauthtest.Claims{"sub": "alice", "scope": "invoices:read"})
	fmt.Println(token != "", err)

	answer := httptest.NewRecorder()
	issuer.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/jwks", nil))
	fmt.Println(answer.Code, issuer.Count(oauthtest.EndpointJWKS))
	// Output:
	// true <nil>
	// 200 1
}
