package v1alpha1

import (
	"encoding/json"
	"slices"
	"time"
)

const (
	// APIVersion is the only value of RuntimeConfig.APIVersion that this
	// package decodes.
	APIVersion = "config.securedmcp.dev/v1alpha1"
	// Kind is the only value of RuntimeConfig.Kind that this package decodes.
	Kind = "RuntimeConfig"
	// UpstreamBuiltin is the reserved upstream of tools that are Go functions
	// registered in the runtime image.
	UpstreamBuiltin = "builtin"
	// DefaultUpstreamTimeoutSeconds bounds an upstream call that names no bound.
	DefaultUpstreamTimeoutSeconds = 10
	// DefaultClockSkewSeconds is how far an issuer's clock may be off.
	DefaultClockSkewSeconds = 30
	// MaxClockSkewSeconds bounds ClockSkewSeconds: more would be a lifetime.
	MaxClockSkewSeconds = 300
	// DefaultStaleKeysSeconds is how long known keys outlive an issuer: a day.
	DefaultStaleKeysSeconds = 86_400
	// MinStaleKeysSeconds is twice the time between two fetches: with less, an
	// issuer that is well would be one that is away.
	MinStaleKeysSeconds = 600
	// MaxStaleKeysSeconds bounds StaleKeysSeconds: a week.
	MaxStaleKeysSeconds = 604_800
	// DefaultIntrospectionCacheSeconds is how long an answer is believed.
	DefaultIntrospectionCacheSeconds = 30
	// MaxIntrospectionCacheSeconds bounds how late a revocation may be noticed.
	MaxIntrospectionCacheSeconds = 600
	// DefaultRequestBytes is 1 MiB.
	DefaultRequestBytes = 1 << 20
	// DefaultResponseBytes is 4 MiB.
	DefaultResponseBytes = 4 << 20
	// DefaultRatePeriodSeconds is the period of a rate limit that names none.
	DefaultRatePeriodSeconds = 60
	// DefaultConcurrentRequests bounds the requests that are worked on at once.
	DefaultConcurrentRequests = 1024
)

// LogLevels are the values of RuntimeConfig.LogLevel.
func LogLevels() []string { return []string{"Debug", "Info", "Warn", "Error"} }

// Values of Tokens.Type.
const (
	TokenJWT    = "JWT"
	TokenOpaque = "Opaque"
)

// Values of Introspection.ClientAuth (OpenID Connect Core section 9).
const (
	AuthBasic         = "client_secret_basic"
	AuthPost          = "client_secret_post"
	AuthPrivateKeyJWT = "private_key_jwt"
)

// Values of Tokens.DPoP.
const (
	DPoPDisabled = "Disabled"
	DPoPOptional = "Optional"
	DPoPRequired = "Required"
)

// Values of Tokens.DPoPNonce.
const (
	DPoPNonceDisabled = "Disabled"
	DPoPNonceRequired = "Required"
)

// AllAlgorithms are the JWS algorithms that can be allowed: the asymmetric ones
// of RFC 7518, ES256K (RFC 8812), and EdDSA, by that name and by those of its two
// curves (RFC 8037, RFC 9864).
func AllAlgorithms() []string {
	return []string{
		"ES256", "ES256K", "ES384", "ES512", "Ed25519", "Ed448", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512",
	}
}

// DefaultAlgorithms are those that are allowed where none is named. ES256K and Ed448
// came later, and few issuers have them: a runtime of before refuses a configuration
// that names them, so they are named only to whom asked for them.
func DefaultAlgorithms() []string {
	return slices.DeleteFunc(AllAlgorithms(), func(alg string) bool { return alg == "ES256K" || alg == "Ed448" })
}

// DefaultScopeClaims are the claims that scopes are read from unless
// Tokens.ScopeClaims says otherwise.
func DefaultScopeClaims() []string { return []string{"scope", "scp"} }

// RuntimeConfig is everything that one runtime enforces.
type RuntimeConfig struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`

	// Name identifies the server in logs and metrics, for example
	// "billing/billing-tools".
	Name string `json:"name"`
	// Title is the human-readable name in the protected resource metadata
	// (resource_name, RFC 9728) and in the MCP server information.
	Title string `json:"title,omitempty"`
	// Resource is the canonical URI of the server (RFC 8707). Its host is the
	// only Host that is served and its path is the MCP endpoint.
	Resource string `json:"resource"`
	// Issuer is compared byte for byte with a token's iss.
	Issuer string `json:"issuer"`
	// Audience must be among a token's aud.
	Audience string `json:"audience"`
	// Scopes are the scopes this server knows, with their hierarchy.
	Scopes []Scope `json:"scopes,omitempty"`
	// RequiredScopes are needed by every request.
	RequiredScopes []string `json:"requiredScopes,omitempty"`
	// Tokens says how access tokens are verified.
	Tokens Tokens `json:"tokens,omitzero"`
	// Upstreams are the services that tools are made of.
	Upstreams []Upstream `json:"upstreams,omitempty"`
	// Tools are all that can be called.
	Tools []Tool `json:"tools,omitempty"`
	// Authentication is what every request's token must say about the login.
	Authentication *Authentication `json:"authentication,omitempty"`
	// Revocation refuses tokens before they expire.
	Revocation Revocation `json:"revocation,omitzero"`
	// AllowedOrigins are the origins, beside the resource's own, that browsers
	// may call from.
	AllowedOrigins []string `json:"allowedOrigins,omitempty"`
	// Limits bound requests and answers.
	Limits Limits `json:"limits,omitzero"`
	// LogLevel is one of LogLevels; "" means Info. Audit lines are written at any.
	LogLevel string `json:"logLevel,omitempty"`
	// RateLimit bounds how often one caller may ask; nil means as often as it likes.
	RateLimit *RateLimit `json:"rateLimit,omitempty"`
	// Tracing sends OpenTelemetry spans to a collector; nil means that none are made.
	Tracing *Tracing `json:"tracing,omitempty"`
	// TLS bounds what a runtime that speaks TLS itself speaks; nil means the defaults.
	TLS *TLS `json:"tls,omitempty"`
}

// The versions of TLS that TLS.MinVersion may name.
const (
	TLS12 = "1.2"
	TLS13 = "1.3"
)

// TLS bounds the TLS of the public listener. Whether there is any, and with which
// certificate, is for the flags of the runtime to say: a listener cannot change it.
type TLS struct {
	// MinVersion is the least version that is spoken: TLS12 (also "") or TLS13.
	MinVersion string `json:"minVersion,omitempty"`
}

// Scope is one OAuth scope and what it includes.
type Scope struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Implies lists narrower scopes that a holder of this one has too.
	Implies []string `json:"implies,omitempty"`
	// GrantedBy is a CEL expression over claims, the members of the token. Where
	// it is true the token holds the scope without naming it. False and errors
	// grant nothing.
	GrantedBy string `json:"grantedBy,omitempty"`
}

// Tokens says how access tokens are verified.
type Tokens struct {
	// Type is TokenJWT (also "") or TokenOpaque.
	Type string `json:"type,omitempty"`
	// Introspection is how opaque tokens are verified; required for them.
	Introspection *Introspection `json:"introspection,omitempty"`
	// JWKSURI is where the issuer's keys are, in place of what its metadata says.
	JWKSURI string `json:"jwksURI,omitempty"`
	// Algorithms are the JWS algorithms that are accepted, some of AllAlgorithms; empty
	// means DefaultAlgorithms. For opaque tokens they are those of signed introspection
	// answers (RFC 9701), and StaleKeysSeconds is about the keys of these.
	Algorithms []string `json:"algorithms,omitempty"`
	// ScopeClaims are the claims that scopes are read from: the first that is present.
	// Empty means scope, scp.
	ScopeClaims []string `json:"scopeClaims,omitempty"`
	// ClockSkewSeconds is how far the issuer's clock may be off; nil means 30.
	ClockSkewSeconds *int `json:"clockSkewSeconds,omitempty"`
	// StaleKeysSeconds is how long known keys stay in use after they were last
	// fetched, while the issuer cannot be reached: 600 to 604800, 0 means 86400. They
	// are fetched every five minutes.
	StaleKeysSeconds int `json:"staleKeysSeconds,omitempty"`
	// DPoP says whether tokens that are bound to a key (cnf.jkt) are accepted with
	// a proof of it (RFC 9449): DPoPDisabled (also ""): no bound token is;
	// DPoPOptional: beside bearer tokens; DPoPRequired: no bearer token is.
	DPoP string `json:"dpop,omitempty"`
	// DPoPNonce says whether proofs need a nonce that this server gave out (RFC
	// 9449 section 9): DPoPNonceDisabled (also "") or DPoPNonceRequired, which
	// needs RateLimit.Redis, since a nonce of one replica comes back to another.
	DPoPNonce string `json:"dpopNonce,omitempty"`
	// CABundleFile is a PEM file of the certificate authorities that the
	// issuer's certificate may chain to, in place of the system's.
	CABundleFile string `json:"caBundleFile,omitempty"`
}

// AllowedAlgorithms are those of Algorithms, or the default.
func (t *Tokens) AllowedAlgorithms() []string {
	if len(t.Algorithms) == 0 {
		return DefaultAlgorithms()
	}
	return t.Algorithms
}

// DPoPEnabled tells whether DPoP is DPoPOptional or DPoPRequired.
func (t *Tokens) DPoPEnabled() bool { return t.DPoP == DPoPOptional || t.DPoP == DPoPRequired }

// Introspection is how the runtime asks the issuer about tokens (RFC 7662).
type Introspection struct {
	// ClientID is the runtime's own at the issuer.
	ClientID string `json:"clientID"`
	// ClientAuth is AuthBasic (also ""), AuthPost or AuthPrivateKeyJWT.
	ClientAuth string `json:"clientAuth,omitempty"`
	// ClientSecretFile holds the client's secret, or, for AuthPrivateKeyJWT, its
	// private key in PEM.
	ClientSecretFile string `json:"clientSecretFile"`
	// CacheSeconds is how long an answer is believed: the longest time that a
	// revoked token is still accepted. Default 30.
	CacheSeconds int `json:"cacheSeconds,omitempty"`
}

// Upstream is a service that tools call.
type Upstream struct {
	Name string `json:"name"`
	// HTTP is a plain HTTP API.
	HTTP *HTTPUpstream `json:"http,omitempty"`
	// TimeoutSeconds bounds one call, from connecting to the last byte.
	// 0 means DefaultUpstreamTimeoutSeconds.
	TimeoutSeconds int `json:"timeoutSeconds,omitempty"`
}

// HTTPUpstream is an HTTP API.
type HTTPUpstream struct {
	// URL is the base URL that tool paths are appended to.
	URL string `json:"url"`
}

// Tool is one MCP tool and who may call it.
type Tool struct {
	Name        string           `json:"name"`
	Title       string           `json:"title,omitempty"`
	Description string           `json:"description,omitempty"`
	Annotations *ToolAnnotations `json:"annotations,omitempty"`
	// Scopes are all needed to call the tool, beside RequiredScopes.
	Scopes []string `json:"scopes,omitempty"`
	// InputSchema is a JSON Schema 2020-12 whose root type is object.
	InputSchema json.RawMessage `json:"inputSchema"`
	// Upstream names the entry of Upstreams that answers, or UpstreamBuiltin.
	Upstream string `json:"upstream"`
	// HTTP is how a call becomes a request to an HTTP upstream.
	HTTP *HTTPTool `json:"http,omitempty"`
	// Authentication is what the token of a call must say about the login, beside
	// what every request's must.
	Authentication *Authentication `json:"authentication,omitempty"`
}

// Authentication is a requirement on the user's login (RFC 9470).
type Authentication struct {
	// ACRValues are the authentication contexts of which the token's acr must be one;
	// empty means any.
	ACRValues []string `json:"acrValues,omitempty"`
	// MaxAgeSeconds is how long ago the login (auth_time) may be; 0 means any time.
	MaxAgeSeconds int `json:"maxAgeSeconds,omitempty"`
}

// Revocation refuses tokens of an incident before they expire.
type Revocation struct {
	// IssuedBefore refuses tokens that were issued earlier, or do not say when.
	IssuedBefore *time.Time `json:"issuedBefore,omitempty"`
	// Subjects refuses tokens by sub.
	Subjects []string `json:"subjects,omitempty"`
	// Clients refuses tokens by client_id, azp, appid or cid.
	Clients []string `json:"clients,omitempty"`
	// TokenIDs refuses tokens by jti.
	TokenIDs []string `json:"tokenIDs,omitempty"`
}

// Limits bound what one request may cost. 0 means the default.
type Limits struct {
	// RequestBytes bounds a request's body. Default 1 MiB.
	RequestBytes int64 `json:"requestBytes,omitempty"`
	// ResponseBytes bounds the answer of an upstream or of a builtin tool. Those of
	// upstreams share memory if they are large, and of a batch they have it together. Default 4 MiB.
	ResponseBytes int64 `json:"responseBytes,omitempty"`
	// ConcurrentRequests is how many requests are worked on at once, and three quarters
	// of it how many of one caller; more are answered 503 or 429. Default 1024.
	ConcurrentRequests int `json:"concurrentRequests,omitempty"`
}

// ToolAnnotations are the MCP hints about a tool's behavior.
type ToolAnnotations struct {
	ReadOnlyHint    *bool `json:"readOnlyHint,omitempty"`
	DestructiveHint *bool `json:"destructiveHint,omitempty"`
	IdempotentHint  *bool `json:"idempotentHint,omitempty"`
	OpenWorldHint   *bool `json:"openWorldHint,omitempty"`
}

// HTTPTool maps a tool call to one HTTP request.
type HTTPTool struct {
	// Method is GET, POST, PUT, PATCH or DELETE.
	Method string `json:"method"`
	// Path is a URI Template (RFC 6570) of simple expansions, "/invoices/{id}",
	// appended to the upstream's URL. Arguments that it does not name go to the
	// query (GET, DELETE) or to a JSON body (POST, PUT, PATCH).
	Path string `json:"path"`
}

// RateLimit bounds how often one caller, a subject by way of a client, may ask.
type RateLimit struct {
	// Requests are allowed in a period, evenly.
	Requests int `json:"requests"`
	// PeriodSeconds is the period. 0 means DefaultRatePeriodSeconds.
	PeriodSeconds int `json:"periodSeconds,omitempty"`
	// Burst are allowed at once. Default Requests.
	Burst int `json:"burst,omitempty"`
	// Redis makes replicas share the limit, and with Tokens.DPoP the memory of
	// proofs; nil means that each has its own.
	Redis *Redis `json:"redis,omitempty"`
}

// Redis is a Redis or Valkey server.
type Redis struct {
	// Address is host:port.
	Address string `json:"address"`
	// PasswordFile holds the password; "" means none.
	PasswordFile string `json:"passwordFile,omitempty"`
	// TLS asks for TLS.
	TLS bool `json:"tls,omitempty"`
	// CABundleFile is a PEM file of the certificate authorities that the server's
	// certificate may chain to, in place of the system's; for TLS only.
	CABundleFile string `json:"caBundleFile,omitempty"`
}

// Tracing says where OpenTelemetry spans go and how many of them.
type Tracing struct {
	// Endpoint is the base URL of an OTLP/HTTP receiver, for example
	// http://collector.observability:4318. Spans are posted to Endpoint + "/v1/traces".
	Endpoint string `json:"endpoint"`
	// SampleRatio is the part of traces that is recorded, 0 to 1; nil means 1. A trace
	// that its caller does not record (W3C trace-flags) is not recorded here either.
	SampleRatio *float64 `json:"sampleRatio,omitempty"`
	// HeadersFile holds the headers of each export, "Name: value" on each line, for
	// receivers that want a credential; "" means none.
	HeadersFile string `json:"headersFile,omitempty"`
}
