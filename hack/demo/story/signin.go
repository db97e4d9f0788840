package story

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/securedmcp/operator/hack/demo/client"
)

// connect runs the client once; the next steps show what it sent and what came
// back, in that order.
func (s *story) connect(ctx context.Context) error {
	var err error
	s.client, err = client.New(s.endpoint(), s.newTransport())
	if err != nil {
		return err
	}
	s.session, s.failure = s.client.Connect(ctx)
	s.signIn = s.client.Wire.Take()
	return nil
}

// showChallenge shows the answer to a request without a token.
func (s *story) showChallenge(ctx context.Context) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	refused, err := s.sent("a request without a token that is answered with 401", func(e client.Exchange) bool {
		return e.URL.Host == s.mcpHost() && e.Status == http.StatusUnauthorized && !e.HasToken
	})
	if err != nil {
		return err
	}
	s.showExchange(refused, "WWW-Authenticate")
	if !strings.Contains(refused.Header.Get("WWW-Authenticate"), s.metadataURL()) {
		return fmt.Errorf("the challenge does not name the metadata, %s", s.metadataURL())
	}
	s.console.Done("the challenge says which scope to ask for, and where the metadata is (RFC 9728)")
	return nil
}

// showDiscovery shows the metadata, and that of the authorization server.
func (s *story) showDiscovery(context.Context) error {
	metadata, err := s.sent("the protected resource metadata", func(e client.Exchange) bool {
		return e.URL.String() == s.metadataURL() && e.Status == http.StatusOK
	})
	if err != nil {
		return err
	}
	s.showExchange(metadata, "Content-Type")
	server, err := s.sent("the authorization server's metadata", func(e client.Exchange) bool {
		return e.URL.Host == s.authHost() && strings.HasPrefix(e.URL.Path, "/.well-known/") && e.Status == http.StatusOK
	})
	if err != nil {
		return err
	}
	var endpoints map[string]any
	if err := json.Unmarshal(server.Body, &endpoints); err != nil {
		return fmt.Errorf("reading the authorization server's metadata: %w", err)
	}
	s.console.Verbatim(requestLine(server))
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "registration_endpoint", "code_challenge_methods_supported"} {
		s.console.Verbatim(fmt.Sprintf("< %s: %v", name, endpoints[name]))
	}
	s.console.Done("the client has found the authorization server by itself")
	return nil
}

// showSignIn shows the authorization request and what the token is for.
func (s *story) showSignIn(ctx context.Context) error {
	asked, err := s.sent("an authorization request", func(e client.Exchange) bool {
		return e.URL.Host == s.authHost() && e.URL.Query().Get("response_type") == "code"
	})
	if err != nil {
		return err
	}
	if s.failure != nil {
		return fmt.Errorf("signing in: %w", s.failure)
	}
	query := asked.URL.Query()
	s.console.Verbatim(fmt.Sprintf("> GET https://%s%s", asked.URL.Host, asked.URL.Path))
	for _, name := range []string{"response_type", "scope", "resource", "code_challenge_method", "code_challenge"} {
		s.console.Verbatim(fmt.Sprintf(">     %s=%s", name, query.Get(name)))
	}
	s.console.Say("the consent page is submitted as alice, and the code is redeemed for a token")
	return s.showToken(ctx)
}

// showToken shows the claims of the token that the client holds, and never the
// token.
func (s *story) showToken(ctx context.Context) error {
	token, err := s.client.Token(ctx)
	if err != nil {
		return err
	}
	claims, err := claimsOf(token)
	if err != nil {
		return err
	}
	s.console.Table([][]string{
		{"iss", fmt.Sprint(claims["iss"])},
		{"sub", fmt.Sprint(claims["sub"])},
		{"aud", fmt.Sprint(claims["aud"])},
		{"scope", fmt.Sprint(claims["scope"])},
	})
	s.console.Done("the token is for this resource and has the scope %q", claims["scope"])
	return nil
}

func claimsOf(token string) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("want a JWT of 3 parts, got %d", len(parts))
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, fmt.Errorf("reading the token's claims: %w", err)
	}
	var claims map[string]any
	return claims, json.Unmarshal(raw, &claims)
}

// sent finds an exchange in what Connect sent.
func (s *story) sent(what string, matches func(client.Exchange) bool) (*client.Exchange, error) {
	found := client.Find(s.signIn, matches)
	if found != nil {
		return found, nil
	}
	var seen []string
	for _, e := range s.signIn {
		seen = append(seen, fmt.Sprintf("%s https://%s%s %d", e.Method, e.URL.Host, e.URL.Path, e.Status))
	}
	err := fmt.Errorf("the client never got as far as %s; it sent: %s", what, strings.Join(seen, ", "))
	if s.failure != nil {
		err = fmt.Errorf("%w; it gave up with: %w", err, s.failure)
	}
	return nil, err
}

// showExchange shows a request and its answer as they went over the wire.
func (s *story) showExchange(e *client.Exchange, headers ...string) {
	s.console.Verbatim(requestLine(e))
	s.console.Verbatim(fmt.Sprintf("< HTTP %d %s", e.Status, http.StatusText(e.Status)))
	for _, name := range headers {
		s.console.Verbatim(fmt.Sprintf("< %s: %s", name, e.Header.Get(name)))
	}
	if body := strings.TrimSpace(string(e.Body)); body != "" {
		s.console.Verbatim("< " + body)
	}
}

func requestLine(e *client.Exchange) string {
	token := ""
	if e.HasToken {
		token = "   Authorization: Bearer (the token)"
	}
	return fmt.Sprintf("> %s https://%s%s%s", e.Method, e.URL.Host, e.URL.Path, token)
}
