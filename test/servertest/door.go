package servertest

import "strings"

const originRule = ": want an origin as browsers send it, for example https://app.example.com: lower case, no path, no wildcard, no default port"

func originSpoiled(origin string) spoiled {
	return spoiled{
		func(o object) { o.set([]any{origin}, "spec", "allowedOrigins") },
		`spec.allowedOrigins[0]: Invalid value: "` + origin + `"` + originRule,
	}
}

var spoiledDoors = map[string]spoiled{
	"an expression is too long": {
		func(o object) { o.set(strings.Repeat("a", 4097), "spec", "scopes", 1, "grantedBy") },
		`spec.scopes[1].grantedBy: Too long: may not be more than 4096 bytes`,
	},
	"an expression is empty": {
		func(o object) { o.set("", "spec", "scopes", 1, "grantedBy") },
		`spec.scopes[1].grantedBy: Invalid value: "": spec.scopes[1].grantedBy in body should be at least 1 chars long`,
	},
	"an authentication context has a space": {
		func(o object) { o.set([]any{"a b"}, "spec", "authentication", "acrValues") },
		`spec.authentication.acrValues[0]: Invalid value: "a b": want printable ASCII characters without space, quote or backslash: it stands in a challenge`,
	},
	"an authentication context of a tool has a quote": {
		func(o object) { o.set([]any{`a"`}, "spec", "tools", 0, "authentication", "acrValues") },
		`spec.tools[0].authentication.acrValues[0]: Invalid value: "a\"": want printable ASCII characters without space, quote or backslash: it stands in a challenge`,
	},
	"a login may be no time ago": {
		func(o object) { o.set(int64(0), "spec", "authentication", "maxAgeSeconds") },
		"spec.authentication.maxAgeSeconds: Invalid value: 0: spec.authentication.maxAgeSeconds in body should be greater than or equal to 1",
	},
	"a date is none": {
		func(o object) { o.set("yesterday", "spec", "revocation", "issuedBefore") },
		`spec.revocation.issuedBefore: Invalid value: "yesterday": spec.revocation.issuedBefore in body must be of type date-time: "yesterday"`,
	},
	"a date is a list": {
		func(o object) {
			o.set([]any{"2026-01-02T03:04:05Z"}, "spec", "revocation", "issuedBefore")
		},
		`spec.revocation.issuedBefore: Invalid value: "string": invalid data, expected string, got []interface {} evaluating rule: want a date and a time, for example 2026-01-02T03:04:05Z`,
	},
	"a revoked subject has no name": {
		func(o object) { o.set([]any{""}, "spec", "revocation", "subjects") },
		`spec.revocation.subjects[0]: Invalid value: "": spec.revocation.subjects[0] in body should be at least 1 chars long`,
	},
	"a client is revoked twice": {
		func(o object) { o.set([]any{"evil", "evil"}, "spec", "revocation", "clients") },
		`spec.revocation.clients[1]: Duplicate value: "evil"`,
	},
	"too many tokens are revoked": {
		func(o object) { o.set(many(1025), "spec", "revocation", "tokenIDs") },
		"spec.revocation.tokenIDs: Too many: 1025: must have at most 1024 items",
	},
	"an origin has a path":             originSpoiled("https://app.example.com/"),
	"an origin is a wildcard":          originSpoiled("*"),
	"an origin has a wildcard":         originSpoiled("https://*.example.com"),
	"an origin has upper-case letters": originSpoiled("https://App.example.com"),
	"an origin has its default port":   originSpoiled("https://app.example.com:443"),
	"an origin is null":                originSpoiled("null"),
	"an origin is of another scheme":   originSpoiled("ftp://app.example.com"),
	"a rate of nothing": {
		func(o object) { o.set(int64(0), "spec", "rateLimit", "requests") },
		"spec.rateLimit.requests: Invalid value: 0: spec.rateLimit.requests in body should be greater than or equal to 1",
	},
	"a rate without a number": {
		func(o object) { o.remove("spec", "rateLimit", "requests") },
		"spec.rateLimit.requests: Required value",
	},
	"a period of more than a day": {
		func(o object) { o.set(int64(86401), "spec", "rateLimit", "periodSeconds") },
		"spec.rateLimit.periodSeconds: Invalid value: 86401: spec.rateLimit.periodSeconds in body should be less than or equal to 86400",
	},
	"a burst of nothing": {
		func(o object) { o.set(int64(0), "spec", "rateLimit", "burst") },
		"spec.rateLimit.burst: Invalid value: 0: spec.rateLimit.burst in body should be greater than or equal to 1",
	},
	"a Redis nowhere": {
		func(o object) { o.remove("spec", "rateLimit", "redis", "address") },
		"spec.rateLimit.redis.address: Required value",
	},
	"a Redis without a port": {
		func(o object) { o.set("redis.cache.svc", "spec", "rateLimit", "redis", "address") },
		`spec.rateLimit.redis.address: Invalid value: "redis.cache.svc": want HOST:PORT, for example redis.cache.svc:6379`,
	},
	"a Redis URL": {
		func(o object) { o.set("redis://redis:6379", "spec", "rateLimit", "redis", "address") },
		`spec.rateLimit.redis.address: Invalid value: "redis://redis:6379": want HOST:PORT, for example redis.cache.svc:6379`,
	},
	"TLS to Redis is unknown": {
		func(o object) { o.set("Optional", "spec", "rateLimit", "redis", "tls") },
		`spec.rateLimit.redis.tls: Unsupported value: "Optional": supported values: "Disabled", "Required"`,
	},
	"certificates for a Redis without TLS": {
		func(o object) { o.remove("spec", "rateLimit", "redis", "tls") },
		"spec.rateLimit.redis.caBundleRef: Invalid value: want tls: Required beside caBundleRef",
	},
	"certificates of Redis in a ConfigMap whose name is a path": {
		func(o object) { o.set("../x", "spec", "rateLimit", "redis", "caBundleRef", "name") },
		`spec.rateLimit.redis.caBundleRef.name: Invalid value: "../x": want the name of a ConfigMap: lower-case letters, digits, hyphens and dots`,
	},
	"certificates of Redis in a ConfigMap whose key is a path": {
		func(o object) { o.set("../x", "spec", "rateLimit", "redis", "caBundleRef", "key") },
		`spec.rateLimit.redis.caBundleRef.key: Invalid value: "../x": want the key of a ConfigMap: letters, digits, hyphens, underscores and dots`,
	},
	"a password of Redis in a Secret whose name is a path": {
		func(o object) { o.set("../x", "spec", "rateLimit", "redis", "passwordRef", "name") },
		`spec.rateLimit.redis.passwordRef.name: Invalid value: "../x": want the name of a Secret: lower-case letters, digits, hyphens and dots`,
	},
	"a password of Redis in a Secret whose key is a path": {
		func(o object) { o.set("../x", "spec", "rateLimit", "redis", "passwordRef", "key") },
		`spec.rateLimit.redis.passwordRef.key: Invalid value: "../x": want the key of a Secret: letters, digits, hyphens, underscores and dots`,
	},
	"a password without a key": {
		func(o object) { o.remove("spec", "rateLimit", "redis", "passwordRef", "key") },
		"spec.rateLimit.redis.passwordRef.key: Required value",
	},
	"requests are too small": {
		func(o object) { o.set(int64(1), "spec", "limits", "requestBytes") },
		"spec.limits.requestBytes: Invalid value: 1: spec.limits.requestBytes in body should be greater than or equal to 1024",
	},
	"answers are too large": {
		func(o object) { o.set(int64(1<<26+1), "spec", "limits", "responseBytes") },
		"spec.limits.responseBytes: Invalid value: 67108865: spec.limits.responseBytes in body should be less than or equal to 67108864",
	},
	"no request at once": {
		func(o object) { o.set(int64(0), "spec", "limits", "concurrentRequests") },
		"spec.limits.concurrentRequests: Invalid value: 0: spec.limits.concurrentRequests in body should be greater than or equal to 1",
	},
	"TLS in the pods without a Secret": {
		func(o object) { o.remove("spec", "exposure", "tls", "secretName") },
		"spec.exposure.tls.secretName: Required value",
	},
	"TLS in the pods with an impossible Secret": {
		func(o object) { o.set("a/b", "spec", "exposure", "tls", "secretName") },
		`spec.exposure.tls.secretName: Invalid value: "a/b": want the name of a Secret: lower-case letters, digits, hyphens and dots`,
	},
	"an old version of TLS": {
		func(o object) { o.set("TLSv1.1", "spec", "exposure", "tls", "minVersion") },
		`spec.exposure.tls.minVersion: Unsupported value: "TLSv1.1": supported values: "TLSv1.2", "TLSv1.3"`,
	},
	"a version of TLS that YAML takes for a number": {
		func(o object) { o.set(1.2, "spec", "exposure", "tls", "minVersion") },
		`spec.exposure.tls.minVersion: Invalid value: "number": spec.exposure.tls.minVersion in body must be of type string: "number", spec.exposure.tls.minVersion: Unsupported value: 1.2: supported values: "TLSv1.2", "TLSv1.3"`,
	},
	"TLS in the pods of a resource without": {
		func(o object) { o.resource("http://localhost:8080/billing"); o.remove("spec", "exposure", "ingress") },
		"spec.resource: Invalid value: want https while exposure.tls is set: nothing else is spoken then",
	},
	"a log level is unknown": {
		func(o object) { o.set("Trace", "spec", "workload", "logLevel") },
		`spec.workload.logLevel: Unsupported value: "Trace": supported values: "Debug", "Info", "Warn", "Error"`,
	},
}

func many(n int) []any {
	var out []any
	for i := range n {
		out = append(out, strings.Repeat("a", i+1)[:1]+strings.Repeat("b", i%200)+strings.Repeat("c", i/200))
	}
	return out
}
