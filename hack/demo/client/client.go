package client

import (
	"context"
	"errors"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// redirectURL is a loopback address that the client would listen at, had it a
// browser to wait for (RFC 8252 section 7.3).
const redirectURL = "http://127.0.0.1:7777/callback"

// Client is one client with one signed-in person.
type Client struct {
	// Wire has all that the client sent, sign-in included.
	Wire *Wire

	endpoint string
	oauth    *auth.AuthorizationCodeHandler
	http     *http.Client
}

// New makes a client of the MCP server at endpoint. Nothing is sent yet.
func New(endpoint string, transport http.RoundTripper) (*Client, error) {
	wire := NewWire(transport)
	httpClient := &http.Client{Transport: wire}
	oauth, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			ClientName: "SecuredMCP demo", RedirectURIs: []string{redirectURL}, TokenEndpointAuthMethod: "none",
			GrantTypes: []string{"authorization_code"}, ResponseTypes: []string{"code"},
		}},
		RedirectURL:              redirectURL,
		AuthorizationCodeFetcher: newBrowser(wire, redirectURL).authorize,
		Client:                   httpClient,
	})
	if err != nil {
		return nil, err
	}
	return &Client{Wire: wire, endpoint: endpoint, oauth: oauth, http: httpClient}, nil
}

// Connect begins an MCP session, signing in on the way when it is asked to.
func (c *Client) Connect(ctx context.Context) (*mcp.ClientSession, error) {
	sdk := mcp.NewClient(&mcp.Implementation{Name: "securedmcp-demo", Version: "1"}, nil)
	return sdk.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: c.endpoint, HTTPClient: c.http, OAuthHandler: c.oauth, DisableStandaloneSSE: true,
	}, nil)
}

// Token returns the access token that the client holds now.
func (c *Client) Token(ctx context.Context) (string, error) {
	source, err := c.oauth.TokenSource(ctx)
	if err != nil {
		return "", err
	}
	if source == nil {
		return "", errors.New("the client has not signed in")
	}
	token, err := source.Token()
	if err != nil {
		return "", err
	}
	return token.AccessToken, nil
}
