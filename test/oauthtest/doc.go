// Package oauthtest starts the authorization server of package authserver for
// tests, on a loopback port:
//
//	issuer := oauthtest.New(t, oauthtest.WithAudience("https://mcp.example.com/billing"))
//	good := issuer.Token(oauthtest.Claims{"scope": "invoices:read"})
//	late := issuer.Token(oauthtest.Claims{"exp": time.Now().Add(-time.Hour)})
//	none := issuer.Token(nil, oauthtest.Unsigned())
package oauthtest
