package servertest

// gatewaySpoiled asks for an HTTPRoute with these parents in place of an Ingress.
func gatewaySpoiled(want string, refs ...any) spoiled {
	return spoiled{func(o object) {
		o.remove("spec", "exposure", "ingress")
		o.set(map[string]any{"parentRefs": append([]any{}, refs...)}, "spec", "exposure", "gateway")
	}, want}
}

func parent(field string, value any) map[string]any {
	return map[string]any{"name": "public", field: value}
}

var spoiledGateways = map[string]spoiled{
	"a Gateway is asked for beside an Ingress": {
		func(o object) {
			o.set(map[string]any{"parentRefs": []any{parent("name", "public")}}, "spec", "exposure", "gateway")
		},
		"spec.exposure: Invalid value: want ingress or gateway, not both: one URL has one route",
	},
	"an HTTPRoute has no Gateway": gatewaySpoiled(
		"spec.exposure.gateway.parentRefs: Invalid value: 0: spec.exposure.gateway.parentRefs in body should have at least 1 items"),
	"an HTTPRoute has one listener twice": gatewaySpoiled(
		"spec.exposure.gateway.parentRefs: Invalid value: want each Gateway or listener once",
		parent("port", int64(443)), parent("port", int64(443))),
	"an HTTPRoute has a Gateway by no name": gatewaySpoiled(
		`spec.exposure.gateway.parentRefs[0].name: Invalid value: "Public": want the name of a Gateway: lower-case letters, digits, hyphens and dots`,
		parent("name", "Public")),
	"an HTTPRoute has a namespace by no name": gatewaySpoiled(
		`spec.exposure.gateway.parentRefs[0].namespace: Invalid value: "a.b": want the name of a namespace: lower-case letters, digits and hyphens`,
		parent("namespace", "a.b")),
	"an HTTPRoute has a listener by no name": gatewaySpoiled(
		`spec.exposure.gateway.parentRefs[0].sectionName: Invalid value: "HTTPS": want the name of a listener: lower-case letters, digits, hyphens and dots`,
		parent("sectionName", "HTTPS")),
	"an HTTPRoute has a port that is none": gatewaySpoiled(
		"spec.exposure.gateway.parentRefs[0].port: Invalid value: 65536: spec.exposure.gateway.parentRefs[0].port in body should be less than or equal to 65535",
		parent("port", int64(65536))),
	"an HTTPRoute is for an IP address": {
		func(o object) {
			gatewaySpoiled("", parent("name", "public")).spoil(o)
			o.resource("https://192.0.2.1/billing")
		},
		"spec.resource: Invalid value: want a DNS host name while exposure.ingress or exposure.gateway is set, for example https://mcp.example.com/billing: neither has rules for IP addresses",
	},
}
