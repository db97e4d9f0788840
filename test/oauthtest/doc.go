// Package oauthtest is a small OAuth 2.1 authorization server for tests and for
// development. It is real where a resource server or a client can tell the
// difference: metadata, keys with rotation, authorization code with PKCE,
// resource indicators, refresh, client credentials, token exchange, dynamic
// registration, introspection (signed, if wanted) and DPoP. It keeps everything in memory, has no
// accounts, and believes whoever it asks: never let it guard anything.
//
// In a test, [New] starts one on a loopback port:
//
//	issuer := oauthtest.New(t, oauthtest.WithAudience("https://mcp.example.com/billing"))
//	good := issuer.Token(oauthtest.Claims{"scope": "invoices:read"})
//	late := issuer.Token(oauthtest.Claims{"exp": time.Now().Add(-time.Hour)})
//	none := issuer.Token(nil, oauthtest.Unsigned())
//
// Faults are injected per endpoint ([Handler.SetFault]), requests are counted
// per endpoint ([Handler.Count]), keys rotate ([Handler.Rotate]) and metadata
// members change or vanish ([Handler.SetMetadata]), all while it runs.
//
// [NewHandler] is the same server as an [net/http.Handler], for a listener of
// one's own.
package oauthtest
