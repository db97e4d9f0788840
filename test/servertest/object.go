package servertest

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Everything is a server with one of everything; the others are changes of it.
const Everything = `
apiVersion: securedmcp.dev/v1alpha1
kind: SecuredMCPServer
metadata: {name: billing-tools, namespace: default}
spec:
  title: Billing Tools
  resource: https://mcp.example.com/billing
  issuer: https://auth.example.com
  scopes:
    - {name: invoices:read, description: Look invoices up}
    - {name: invoices:write, implies: [invoices:read], grantedBy: "'billing-admins' in claims.groups"}
  requiredScopes: [invoices:read]
  tokens:
    type: JWT
    jwksURI: https://auth.example.com/jwks
    algorithms: [ES256, RS256]
    scopeClaims: [scope, scp]
    clockSkewSeconds: 30
    staleKeysSeconds: 86400
    dpop: Optional
    dpopNonce: Required
    caBundleRef: {name: issuer-ca}
  authentication: {acrValues: ["urn:mfa"], maxAgeSeconds: 300}
  revocation: {issuedBefore: "2026-01-02T03:04:05Z", subjects: [mallory], clients: [evil], tokenIDs: [t-1]}
  allowedOrigins: ["https://app.example.com"]
  rateLimit:
    requests: 600
    periodSeconds: 60
    burst: 60
    redis: {address: "redis.cache.svc:6379", tls: Required, caBundleRef: {name: redis-ca}, passwordRef: {name: redis, key: password}}
  limits: {requestBytes: 1048576, responseBytes: 4194304, concurrentRequests: 1024}
  upstreams:
    - {name: billing-api, timeoutSeconds: 10, http: {url: "http://billing-api.billing.svc:8080"}}
  tools:
    - name: lookup_invoice
      annotations: {readOnlyHint: true}
      scopes: [invoices:read]
      authentication: {acrValues: ["urn:mfa"], maxAgeSeconds: 60}
      inputSchema: {type: object, properties: {invoiceId: {type: string}}, required: [invoiceId]}
      upstream: billing-api
      http: {method: GET, path: "/invoices/{invoiceId}"}
    - name: echo
      inputSchema: {type: object}
      upstream: builtin
  telemetry:
    tracing: {endpoint: "http://collector.observability.svc:4318", sampleRatio: "0.25", headersRef: {name: collector, key: headers}}
  monitoring: {labels: {release: prometheus}, scrapeSeconds: 15, alerts: Enabled}
  exposure:
    ingress: {className: nginx, annotations: {a.example.com/b: c}, tls: {secretName: mcp-tls}}
    tls: {secretName: pod-tls, minVersion: TLSv1.3}
  workload:
    logLevel: Info
    replicas: 2
    resources: {limits: {memory: 128Mi}}
    image: ghcr.io/securedmcp/runtime:dev
    imagePullPolicy: IfNotPresent
`

// object is a manifest that can be changed field by field.
type object struct{ *unstructured.Unstructured }

// everything returns a copy of the manifest of that name.
func everything() object {
	o := object{new(unstructured.Unstructured)}
	if err := yaml.Unmarshal([]byte(Everything), &o.Object); err != nil {
		panic(err) // it is a constant
	}
	return o
}

// issuerRef has a cert-manager issuer in place of the Secret.
func (o object) issuerRef(ref map[string]any) {
	o.set(map[string]any{"issuerRef": ref}, "spec", "exposure", "ingress", "tls")
}

func (o object) resource(uri string) { o.set(uri, "spec", "resource") }

func (o object) set(value any, path ...any) {
	parent := o.at(path[:len(path)-1]...)
	switch key := path[len(path)-1].(type) {
	case string:
		parent.(map[string]any)[key] = value
	case int:
		parent.([]any)[key] = value
	}
}

func (o object) remove(path ...any) {
	delete(o.at(path[:len(path)-1]...).(map[string]any), path[len(path)-1].(string))
}

func (o object) add(value any, path ...any) {
	o.set(append(o.at(path...).([]any), value), path...)
}

func (o object) at(path ...any) any {
	var v any = o.Object
	for _, p := range path {
		switch p := p.(type) {
		case string:
			v = v.(map[string]any)[p]
		case int:
			v = v.([]any)[p]
		}
	}
	return v
}
