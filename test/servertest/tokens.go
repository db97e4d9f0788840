package servertest

// opaque makes o a server for opaque tokens, with what it needs for that.
func (o object) opaque() {
	o.set(map[string]any{
		"type": "Opaque",
		"introspection": map[string]any{
			"clientID": "mcp", "authMethod": "client_secret_basic", "cacheSeconds": int64(30),
			"clientSecretRef": map[string]any{"name": "mcp-client", "key": "secret"},
		},
	}, "spec", "tokens")
}

// privateKey makes o's introspection authenticate with a private key.
func (o object) privateKey() {
	o.opaque()
	o.introspection("private_key_jwt", "authMethod")
	o.remove("spec", "tokens", "introspection", "clientSecretRef")
	o.introspection(map[string]any{"name": "mcp-client", "key": "key.pem"}, "privateKeyRef")
}

func (o object) tokens(value any, path ...any) {
	o.set(value, append([]any{"spec", "tokens"}, path...)...)
}

func (o object) introspection(value any, path ...any) {
	o.set(value, append([]any{"spec", "tokens", "introspection"}, path...)...)
}

var spoiledTokens = map[string]spoiled{
	"the token type is unknown": {
		func(o object) { o.tokens("PASETO", "type") },
		`spec.tokens.type: Unsupported value: "PASETO": supported values: "JWT", "Opaque"`,
	},
	"opaque tokens and nobody to ask": {
		func(o object) { o.opaque(); o.remove("spec", "tokens", "introspection") },
		"spec.tokens.introspection: Invalid value: want introspection for type Opaque: nothing else says what such a token is worth",
	},
	"introspection of JWTs": {
		func(o object) { o.opaque(); o.tokens("JWT", "type") },
		"spec.tokens.introspection: Invalid value: introspection is for type Opaque only; want type: Opaque beside it, or no introspection",
	},
	"introspection of tokens of the default type": {
		func(o object) { o.opaque(); o.remove("spec", "tokens", "type") },
		"spec.tokens.introspection: Invalid value: introspection is for type Opaque only; want type: Opaque beside it, or no introspection",
	},
	"keys for opaque tokens": {
		func(o object) { o.opaque(); o.tokens("https://auth.example.com/jwks", "jwksURI") },
		"spec.tokens.jwksURI: Invalid value: jwksURI is for type JWT only: opaque tokens have no signature",
	},
	"jwksURI is relative": {
		func(o object) { o.tokens("/jwks", "jwksURI") },
		`spec.tokens.jwksURI: Invalid value: "/jwks": want an absolute URI, for example https://auth.example.com/jwks`,
	},
	"jwksURI is plain http": {
		func(o object) { o.tokens("http://auth.example.com/jwks", "jwksURI") },
		`spec.tokens.jwksURI: Invalid value: "http://auth.example.com/jwks": want https (http is allowed for loopback hosts only)`,
	},
	"the keys' URI has a space": {
		func(o object) { o.tokens("https://auth.example.com/j wks", "jwksURI") },
		`spec.tokens.jwksURI: Invalid value: "https://auth.example.com/j wks": want no space or control character, and nothing beyond ASCII: a URI has none (RFC 3986)`,
	},
	"jwksURI has a query": {
		func(o object) { o.tokens("https://auth.example.com/jwks?a", "jwksURI") },
		`spec.tokens.jwksURI: Invalid value: "https://auth.example.com/jwks?a": want no user information, query or fragment`,
	},
	"an algorithm is none": {
		func(o object) { o.tokens([]any{"none"}, "algorithms") },
		`spec.tokens.algorithms[0]: Unsupported value: "none": supported values: "ES256", "ES256K", "ES384", "ES512", "Ed25519", "Ed448", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"`,
	},
	"an algorithm is symmetric": {
		func(o object) { o.tokens([]any{"ES256", "HS256"}, "algorithms") },
		`spec.tokens.algorithms[1]: Unsupported value: "HS256": supported values: "ES256", "ES256K", "ES384", "ES512", "Ed25519", "Ed448", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"`,
	},
	"an algorithm is listed twice": {
		func(o object) { o.tokens([]any{"ES256", "ES256"}, "algorithms") },
		`spec.tokens.algorithms[1]: Duplicate value: "ES256"`,
	},
	"a scope claim has no name": {
		func(o object) { o.tokens([]any{""}, "scopeClaims") },
		`spec.tokens.scopeClaims[0]: Invalid value: "": spec.tokens.scopeClaims[0] in body should be at least 1 chars long`,
	},
	"there are nine scope claims": {
		func(o object) { o.tokens([]any{"a", "b", "c", "d", "e", "f", "g", "h", "i"}, "scopeClaims") },
		"spec.tokens.scopeClaims: Too many: 9: must have at most 8 items",
	},
	"the clock may be off by more than a lifetime": {
		func(o object) { o.tokens(int64(301), "clockSkewSeconds") },
		"spec.tokens.clockSkewSeconds: Invalid value: 301: spec.tokens.clockSkewSeconds in body should be less than or equal to 300",
	},
	"keys are stale between two fetches": {
		func(o object) { o.tokens(int64(300), "staleKeysSeconds") },
		"spec.tokens.staleKeysSeconds: Invalid value: 300: spec.tokens.staleKeysSeconds in body should be greater than or equal to 600",
	},
	"keys are believed for more than a week": {
		func(o object) { o.tokens(int64(604801), "staleKeysSeconds") },
		"spec.tokens.staleKeysSeconds: Invalid value: 604801: spec.tokens.staleKeysSeconds in body should be less than or equal to 604800",
	},
	"the DPoP mode is unknown": {
		func(o object) { o.tokens("Sometimes", "dpop") },
		`spec.tokens.dpop: Unsupported value: "Sometimes": supported values: "Disabled", "Optional", "Required"`,
	},
	"the mode of nonces is unknown": {
		func(o object) { o.tokens("Optional", "dpopNonce") },
		`spec.tokens.dpopNonce: Unsupported value: "Optional": supported values: "Disabled", "Required"`,
	},
	"nonces without DPoP": {
		func(o object) { o.remove("spec", "tokens", "dpop") },
		"spec.tokens.dpopNonce: Invalid value: want dpop: Optional or Required beside dpopNonce: Required",
	},
	"nonces with DPoP that is disabled": {
		func(o object) { o.tokens("Disabled", "dpop") },
		"spec.tokens.dpopNonce: Invalid value: want dpop: Optional or Required beside dpopNonce: Required",
	},
	"nonces that replicas do not share": {
		func(o object) { o.remove("spec", "rateLimit", "redis") },
		"spec.tokens.dpopNonce: Invalid value: want rateLimit.redis beside dpopNonce: Required: a nonce of one replica comes back to another",
	},
	"introspection by nobody": {
		func(o object) { o.opaque(); o.remove("spec", "tokens", "introspection", "clientID") },
		"spec.tokens.introspection.clientID: Required value",
	},
	"a client ID has a line break": {
		func(o object) { o.opaque(); o.introspection("a\nb", "clientID") },
		`spec.tokens.introspection.clientID: Invalid value: "a\nb": want printable ASCII characters (RFC 6749 appendix A.1)`,
	},
	"client authentication is unknown": {
		func(o object) { o.opaque(); o.introspection("none", "authMethod") },
		`spec.tokens.introspection.authMethod: Unsupported value: "none": supported values: "client_secret_basic", "client_secret_post", "private_key_jwt"`,
	},
	"a secret is missing": {
		func(o object) { o.opaque(); o.remove("spec", "tokens", "introspection", "clientSecretRef") },
		credentialRule,
	},
	"a secret where a private key is wanted": {
		func(o object) { o.opaque(); o.introspection("private_key_jwt", "authMethod") },
		credentialRule,
	},
	"a private key where a secret is wanted": {
		func(o object) { o.privateKey(); o.introspection("client_secret_post", "authMethod") },
		credentialRule,
	},
	"both a secret and a private key": {
		func(o object) { o.opaque(); o.introspection(map[string]any{"name": "x", "key": "y"}, "privateKeyRef") },
		credentialRule,
	},
	"a secret without a key": {
		func(o object) { o.opaque(); o.remove("spec", "tokens", "introspection", "clientSecretRef", "key") },
		"spec.tokens.introspection.clientSecretRef.key: Required value",
	},
	"a Secret's name is a path": {
		func(o object) { o.opaque(); o.introspection("../x", "clientSecretRef", "name") },
		`spec.tokens.introspection.clientSecretRef.name: Invalid value: "../x": want the name of a Secret: lower-case letters, digits, hyphens and dots`,
	},
	"a Secret's key is a path": {
		func(o object) { o.opaque(); o.introspection("../x", "clientSecretRef", "key") },
		`spec.tokens.introspection.clientSecretRef.key: Invalid value: "../x": want the key of a Secret: letters, digits, hyphens, underscores and dots`,
	},
	"a private key's Secret is a path": {
		func(o object) { o.privateKey(); o.introspection("../x", "privateKeyRef", "name") },
		`spec.tokens.introspection.privateKeyRef.name: Invalid value: "../x": want the name of a Secret: lower-case letters, digits, hyphens and dots`,
	},
	"a private key's key is a path": {
		func(o object) { o.privateKey(); o.introspection("../x", "privateKeyRef", "key") },
		`spec.tokens.introspection.privateKeyRef.key: Invalid value: "../x": want the key of a Secret: letters, digits, hyphens, underscores and dots`,
	},
	"an answer is believed for more than ten minutes": {
		func(o object) { o.opaque(); o.introspection(int64(601), "cacheSeconds") },
		"spec.tokens.introspection.cacheSeconds: Invalid value: 601: spec.tokens.introspection.cacheSeconds in body should be less than or equal to 600",
	},
}

const credentialRule = "spec.tokens.introspection: Invalid value: want privateKeyRef alone for authMethod private_key_jwt, and clientSecretRef alone for client_secret_basic (the default) and client_secret_post"
