package servertest

import "strings"

const (
	collectorRule = ": want an absolute http or https URL, for example http://collector.observability.svc:4318"
	collectorUser = ": want no user information, query or fragment; credentials go into headersRef"
	collectorText = ": want no space or control character, and nothing beyond ASCII: a URL has none (RFC 3986)"
	ratioRule     = `: want a number from "0" to "1" with up to six decimals, for example "0.1"`
)

func collectorSpoiled(endpoint, rule string) spoiled {
	return spoiled{
		func(o object) { o.set(endpoint, "spec", "telemetry", "tracing", "endpoint") },
		`spec.telemetry.tracing.endpoint: Invalid value: "` + endpoint + `"` + rule,
	}
}

func ratioSpoiled(ratio string) spoiled {
	return spoiled{
		func(o object) { o.set(ratio, "spec", "telemetry", "tracing", "sampleRatio") },
		`spec.telemetry.tracing.sampleRatio: Invalid value: "` + ratio + `"` + ratioRule,
	}
}

var spoiledTelemetry = map[string]spoiled{
	"a collector has no scheme":  collectorSpoiled("collector:4318", collectorRule),
	"a collector speaks gRPC":    collectorSpoiled("grpc://collector:4317", collectorRule),
	"a collector has no host":    collectorSpoiled("http:///v1", collectorRule),
	"a collector has a password": collectorSpoiled("https://a:b@collector", collectorUser),
	"a collector has a query":    collectorSpoiled("https://collector?key=a", collectorUser),
	"a collector has a space":    collectorSpoiled("https://collector/a b", collectorText),
	"a collector has a fragment": {
		func(o object) { o.set("https://collector#a", "spec", "telemetry", "tracing", "endpoint") },
		`[spec.telemetry.tracing.endpoint: Invalid value: "https://collector#a"` + collectorRule +
			`, spec.telemetry.tracing.endpoint: Invalid value: "https://collector#a"` + collectorUser + `]`,
	},
	"more than all traces":            ratioSpoiled("1.5"),
	"less than no traces":             ratioSpoiled("-0.1"),
	"a part of traces in per cent":    ratioSpoiled("10%"),
	"a part of traces by exponent":    ratioSpoiled("1e-3"),
	"a part of traces without zero":   ratioSpoiled(".5"),
	"a part of traces is too exact":   {func(o object) { o.set("0.1234567", "spec", "telemetry", "tracing", "sampleRatio") }, "spec.telemetry.tracing.sampleRatio: Too long: may not be more than 8 bytes"},
	"a part of traces is a number":    {func(o object) { o.set(0.5, "spec", "telemetry", "tracing", "sampleRatio") }, `spec.telemetry.tracing.sampleRatio: Invalid value: "number": spec.telemetry.tracing.sampleRatio in body must be of type string: "number"`},
	"tracing without a collector":     {func(o object) { o.remove("spec", "telemetry", "tracing", "endpoint") }, "spec.telemetry.tracing.endpoint: Required value"},
	"a collector's URL is too long":   {func(o object) { o.set("http://"+strings.Repeat("c", 512), "spec", "telemetry", "tracing", "endpoint") }, "spec.telemetry.tracing.endpoint: Too long: may not be more than 512 bytes"},
	"headers of no key of a Secret":   {func(o object) { o.remove("spec", "telemetry", "tracing", "headersRef", "key") }, "spec.telemetry.tracing.headersRef.key: Required value"},
	"headers of a key that is a path": {func(o object) { o.set("../x", "spec", "telemetry", "tracing", "headersRef", "key") }, `spec.telemetry.tracing.headersRef.key: Invalid value: "../x": want the key of a Secret: letters, digits, hyphens, underscores and dots`},
	"headers of a Secret by no name":  {func(o object) { o.set("A", "spec", "telemetry", "tracing", "headersRef", "name") }, `spec.telemetry.tracing.headersRef.name: Invalid value: "A": want the name of a Secret: lower-case letters, digits, hyphens and dots`},
}
