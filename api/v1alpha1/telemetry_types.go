package v1alpha1

// Telemetry says what a server tells of itself beside its log and its metrics, which are always there.
type Telemetry struct {
	// tracing follows requests from their callers to the upstreams with OpenTelemetry spans. Default: no spans are made.
	// +optional
	Tracing *Tracing `json:"tracing,omitempty"`
}

// Tracing sends OpenTelemetry spans of authenticated requests to a collector. Spans hold names of this object, statuses and times, never a token, a
// claim or an argument. The parent of a span is the caller's traceparent (W3C Trace Context), in the header or in _meta (MCP 2026-07-28), and upstreams
// get that of the span; tracestate and baggage are not passed on. What the collector does not take is dropped: requests never wait for it.
type Tracing struct {
	// endpoint is the base URL of an OTLP/HTTP receiver: http or https, without user information, query or fragment. Spans are posted to
	// endpoint + "/v1/traces", in binary protobuf.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getHostname() != '' && url(self).getScheme() in ['http', 'https']",message="want an absolute http or https URL, for example http://collector.observability.svc:4318"
	// +kubebuilder:validation:XValidation:rule="!self.contains('?') && !self.contains('#') && !self.matches('^[^/]*//[^/]*@')",message="want no user information, query or fragment; credentials go into headersRef"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[!-~]*$')",message="want no space or control character, and nothing beyond ASCII: a URL has none (RFC 3986)"
	Endpoint string `json:"endpoint,omitempty"`

	// sampleRatio is the part of traces that is recorded, from "0" to "1" with up to six decimals. A trace that its caller does not record is not
	// recorded here either. Default: "1", every other trace.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8
	// +kubebuilder:validation:XValidation:rule="self.matches('^(0([.][0-9]{1,6})?|1([.]0{1,6})?)$')",message="want a number from \"0\" to \"1\" with up to six decimals, for example \"0.1\""
	SampleRatio string `json:"sampleRatio,omitempty"`

	// headersRef names a Secret key with the headers of each export, "Name: value" on each line, at most 16: for receivers that want a credential.
	// The pods mount it, the operator does not read it; they wait until it exists and follow its changes. Default: no headers.
	// +optional
	HeadersRef *SecretKeyRef `json:"headersRef,omitempty"`
}
