package v1alpha1

// Tokens says how access tokens are verified.
//
// +kubebuilder:validation:XValidation:fieldPath=".introspection",rule="!has(self.type) || self.type != 'Opaque' || has(self.introspection)",message="want introspection for type Opaque: nothing else says what such a token is worth"
// +kubebuilder:validation:XValidation:fieldPath=".introspection",rule="!has(self.introspection) || (has(self.type) && self.type == 'Opaque')",message="introspection is for type Opaque only; want type: Opaque beside it, or no introspection"
// +kubebuilder:validation:XValidation:fieldPath=".jwksURI",rule="!has(self.jwksURI) || !has(self.type) || self.type != 'Opaque'",message="jwksURI is for type JWT only: opaque tokens have no signature"
// +kubebuilder:validation:XValidation:fieldPath=".dpopNonce",rule="!has(self.dpopNonce) || self.dpopNonce != 'Required' || (has(self.dpop) && self.dpop != 'Disabled')",message="want dpop: Optional or Required beside dpopNonce: Required"
type Tokens struct {
	// type is JWT, for tokens that are verified with the issuer's keys (RFC 7519, RFC 9068), or Opaque, for tokens that the issuer is asked
	// about (RFC 7662), as introspection says. Default: JWT.
	// +optional
	Type TokenType `json:"type,omitempty"`

	// jwksURI is where the issuer's keys are (RFC 7517): https (http for loopback hosts only), no user information, query or
	// fragment. For type JWT. Default: where the issuer's metadata says.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getHostname() != ''",message="want an absolute URI, for example https://auth.example.com/jwks"
	// +kubebuilder:validation:XValidation:rule="!isURL(self) || url(self).getHostname() == '' || url(self).getScheme() == 'https' || self.matches('^[Hh][Tt][Tt][Pp]://(localhost|127[.][0-9]+[.][0-9]+[.][0-9]+|[[]::1[]])(:[0-9]+)?(/|$)')",message="want https (http is allowed for loopback hosts only)"
	// +kubebuilder:validation:XValidation:rule="!self.contains('?') && !self.contains('#') && !self.matches('^[^/]*//[^/]*@')",message="want no user information, query or fragment"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[!-~]*$')",message="want no space or control character, and nothing beyond ASCII: a URI has none (RFC 3986)"
	JWKSURI string `json:"jwksURI,omitempty"`

	// algorithms are the JWS algorithms (RFC 7518) that access tokens may be signed with; for type Opaque, introspection answers that the issuer
	// signs (RFC 9701). Default: all that there are to choose from, which are the asymmetric ones, but ES256K (RFC 8812) and Ed448, which few
	// issuers have; none and HMAC are never accepted (RFC 8725). Ed25519 and Ed448 (RFC 9864) are EdDSA by its full names, and EdDSA is either, as
	// the issuer's key is: list both names where the issuer may write either.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=13
	Algorithms []SigningAlgorithm `json:"algorithms,omitempty"`

	// scopeClaims are the claims that scopes are read from, in this order: the first that a token has counts, a string of names separated by
	// spaces or a list of names. Default: scope, scp.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	ScopeClaims []string `json:"scopeClaims,omitempty"`

	// clockSkewSeconds is how far the issuer's clock may be off, in seconds. It is granted to exp, nbf and iat, and to the age of a login.
	// Default: 30.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=300
	ClockSkewSeconds *int32 `json:"clockSkewSeconds,omitempty"`

	// staleKeysSeconds is how long, in seconds since they were last fetched, known keys stay in use while the issuer cannot be reached. After that
	// every request is answered 503 until it can. Keys are fetched every five minutes. For type Opaque: the keys of introspection
	// answers that the issuer signs. Default: 86400, a day.
	// +optional
	// +kubebuilder:validation:Minimum=600
	// +kubebuilder:validation:Maximum=604800
	StaleKeysSeconds int32 `json:"staleKeysSeconds,omitempty"`

	// dpop says whether access tokens that are bound to a key (RFC 9449) are accepted: Disabled, such tokens are refused; Optional, with a
	// proof of the key, beside bearer tokens; Required, with a proof, and no bearer token is. Replicas remember used proofs together when
	// spec.rateLimit.redis is set, and each on its own otherwise. Default: Disabled.
	// +optional
	DPoP DPoPMode `json:"dpop,omitempty"`

	// dpopNonce says whether proofs need a nonce that this server gave out (RFC 9449 section 9): Disabled or Required, which needs
	// spec.rateLimit.redis, since a nonce of one replica comes back to another. Default: Disabled.
	// +optional
	DPoPNonce DPoPNonceMode `json:"dpopNonce,omitempty"`

	// introspection is how the issuer is asked about opaque tokens (RFC 7662), at the introspection_endpoint of its metadata. Required for
	// type Opaque, and for no other.
	// +optional
	Introspection *Introspection `json:"introspection,omitempty"`

	// caBundleRef names a ConfigMap key with the PEM certificates that the issuer's certificate may chain to, in place of the system's roots.
	// For issuers with a private certificate authority. The pods wait until it exists. Default: the system's roots.
	// +optional
	CABundleRef *ConfigMapKeyRef `json:"caBundleRef,omitempty"`
}

// TokenType is a kind of access token.
//
// +kubebuilder:validation:Enum=JWT;Opaque
type TokenType string

// The types of access tokens.
const (
	TokenTypeJWT    TokenType = "JWT"
	TokenTypeOpaque TokenType = "Opaque"
)

// SigningAlgorithm is an asymmetric JWS algorithm (RFC 7518, RFC 8037, RFC 8812, RFC 9864).
//
// +kubebuilder:validation:Enum=ES256;ES256K;ES384;ES512;Ed25519;Ed448;EdDSA;PS256;PS384;PS512;RS256;RS384;RS512
type SigningAlgorithm string

// DPoPMode says whether key-bound access tokens are accepted.
//
// +kubebuilder:validation:Enum=Disabled;Optional;Required
type DPoPMode string

// The modes of DPoP.
const (
	DPoPDisabled DPoPMode = "Disabled"
	DPoPOptional DPoPMode = "Optional"
	DPoPRequired DPoPMode = "Required"
)

// DPoPNonceMode says whether DPoP proofs need a nonce.
//
// +kubebuilder:validation:Enum=Disabled;Required
type DPoPNonceMode string

// The modes of DPoP nonces.
const (
	DPoPNonceDisabled DPoPNonceMode = "Disabled"
	DPoPNonceRequired DPoPNonceMode = "Required"
)

// Introspection is how the issuer is asked about access tokens (RFC 7662).
//
// +kubebuilder:validation:XValidation:rule="has(self.authMethod) && self.authMethod == 'private_key_jwt' ? has(self.privateKeyRef) && !has(self.clientSecretRef) : has(self.clientSecretRef) && !has(self.privateKeyRef)",message="want privateKeyRef alone for authMethod private_key_jwt, and clientSecretRef alone for client_secret_basic (the default) and client_secret_post"
type Introspection struct {
	// clientID is this server's own client identifier at the issuer.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.matches('^[ -~]+$')",message="want printable ASCII characters (RFC 6749 appendix A.1)"
	ClientID string `json:"clientID,omitempty"`

	// authMethod is how this server authenticates to the issuer, in the words of OAuth metadata (RFC 8414, OpenID Connect Core section 9):
	// client_secret_basic, client_secret_post or private_key_jwt. Default: client_secret_basic.
	// +optional
	AuthMethod ClientAuthMethod `json:"authMethod,omitempty"`

	// clientSecretRef names a Secret key with the client's secret. The pods mount it, the operator does not read it; they wait until it
	// exists and follow its changes. Required for client_secret_basic and client_secret_post, and for no other.
	// +optional
	ClientSecretRef *SecretKeyRef `json:"clientSecretRef,omitempty"`

	// privateKeyRef names a Secret key with the client's private key in PEM: RSA, EC or Ed25519. It is mounted as clientSecretRef is. Required
	// for private_key_jwt, and for no other.
	// +optional
	PrivateKeyRef *SecretKeyRef `json:"privateKeyRef,omitempty"`

	// cacheSeconds is how long an answer is believed, in seconds, and no longer than the token's exp: the longest time that a token is accepted
	// after the issuer revoked it. Default: 30.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=600
	CacheSeconds int32 `json:"cacheSeconds,omitempty"`
}

// ClientAuthMethod is how a client authenticates to the authorization server.
//
// +kubebuilder:validation:Enum=client_secret_basic;client_secret_post;private_key_jwt
type ClientAuthMethod string

// The methods of client authentication.
const (
	ClientSecretBasic ClientAuthMethod = "client_secret_basic"
	ClientSecretPost  ClientAuthMethod = "client_secret_post"
	PrivateKeyJWT     ClientAuthMethod = "private_key_jwt"
)
