// Package authserver is a small OAuth 2.1 authorization server for development
// and for tests, as an [net/http.Handler]. It is real where a resource server or
// a client can tell the difference: metadata, keys with rotation, authorization
// code with PKCE, resource indicators, refresh, client credentials, token
// exchange, dynamic registration, introspection (signed, if wanted) and DPoP. It
// keeps everything in memory, has no accounts, and believes whoever it asks:
// never let it guard anything.
//
// Faults are injected per endpoint ([Handler.SetFault]), requests are counted
// per endpoint ([Handler.Count]), keys rotate ([Handler.Rotate]) and metadata
// members change or vanish ([Handler.SetMetadata]), all while it runs.
//
// Tests start it with package test/oauthtest.
package authserver
