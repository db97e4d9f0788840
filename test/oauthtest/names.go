package oauthtest

import "github.com/securedmcp/operator/cmd/securedmcp/authserver"

// What tests need of the server has its name here, too, so that they import one
// package.

type (
	// Claims is that of the server.
	Claims = authserver.Claims
	// Client is that of the server.
	Client = authserver.Client
	// Config is that of the server.
	Config = authserver.Config
	// Endpoint is that of the server.
	Endpoint = authserver.Endpoint
	// Fault is that of the server.
	Fault = authserver.Fault
	// Handler is that of the server.
	Handler = authserver.Handler
	// Key is that of the server.
	Key = authserver.Key
	// TokenOption is that of the server.
	TokenOption = authserver.TokenOption
)

// The names of the server's constants.
const (
	DefaultClientID = authserver.DefaultClientID
	DefaultSubject  = authserver.DefaultSubject
	Ed448           = authserver.Ed448

	EndpointOAuthMetadata          = authserver.EndpointOAuthMetadata
	EndpointOAuthMetadataAppended  = authserver.EndpointOAuthMetadataAppended
	EndpointOpenIDMetadata         = authserver.EndpointOpenIDMetadata
	EndpointOpenIDMetadataAppended = authserver.EndpointOpenIDMetadataAppended
	EndpointJWKS                   = authserver.EndpointJWKS
	EndpointIntrospect             = authserver.EndpointIntrospect
)

// The names of the server's functions.
var (
	MetadataEndpoints = authserver.MetadataEndpoints
	NewHandler        = authserver.NewHandler
	NewKey            = authserver.NewKey
	TokenHash         = authserver.TokenHash

	BadSignature   = authserver.BadSignature
	Header         = authserver.Header
	Opaque         = authserver.Opaque
	RawHeader      = authserver.RawHeader
	RawPayload     = authserver.RawPayload
	SignedWith     = authserver.SignedWith
	SignedWithHMAC = authserver.SignedWithHMAC
	Unsigned       = authserver.Unsigned
)
