package v1alpha1

// Limits bound what one request, and all of them together, may cost one pod.
type Limits struct {
	// requestBytes bounds the body of a request, in bytes; a larger one is answered 413. Those of more than 16 KiB share
	// a twelfth of the memory of the pod, of which one caller has a quarter, but room for one of the largest; beyond, the answer is
	// 503 or, to who has had their share, 429. Default: 1048576, 1 MiB.
	// +optional
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=67108864
	RequestBytes int64 `json:"requestBytes,omitempty"`

	// responseBytes bounds the answer of an upstream, in bytes, and those of a batch together; a larger one is a tool error. Those of
	// more than 256 KiB share a twelfth of the memory of the pod, as requestBytes has it, and wait for that within the timeout of
	// their upstream. Default: 4194304, 4 MiB.
	// +optional
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=67108864
	ResponseBytes int64 `json:"responseBytes,omitempty"`

	// concurrentRequests is how many requests one pod works on at once, three quarters of them of one caller, a subject by way of a
	// client; more are answered 503, and more of one caller 429, with Retry-After. Default: 1024.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65536
	ConcurrentRequests int32 `json:"concurrentRequests,omitempty"`
}

// RateLimit bounds how often one caller, a subject by way of a client, may ask. More is answered 429 with Retry-After.
type RateLimit struct {
	// requests are allowed in a period, evenly spread.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Requests int32 `json:"requests,omitempty"`

	// periodSeconds is the period, in seconds. Default: 60.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	PeriodSeconds int32 `json:"periodSeconds,omitempty"`

	// burst are allowed at once, by who has not asked for a while. A batch (MCP 2025-03-26) of more is refused for good. Default: requests.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Burst int32 `json:"burst,omitempty"`

	// redis makes replicas share the limit, and the memory of DPoP proofs and nonces. While it cannot be reached each replica has its own, and
	// metrics and log say so. Default: each replica has its own.
	// +optional
	Redis *Redis `json:"redis,omitempty"`
}

// Redis is a Redis or Valkey server.
//
// +kubebuilder:validation:XValidation:fieldPath=".caBundleRef",rule="!has(self.caBundleRef) || (has(self.tls) && self.tls == 'Required')",message="want tls: Required beside caBundleRef"
type Redis struct {
	// address is HOST:PORT, for example redis.cache.svc:6379.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=320
	// +kubebuilder:validation:XValidation:rule="self.matches('^([A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|[[][0-9A-Fa-f:.]+[]]):[0-9]{1,5}$')",message="want HOST:PORT, for example redis.cache.svc:6379"
	Address string `json:"address,omitempty"`

	// tls is Disabled or Required. Default: Disabled.
	// +optional
	TLS RedisTLS `json:"tls,omitempty"`

	// caBundleRef names a ConfigMap key with the PEM certificates that the server's certificate may chain to, in place of the system's roots.
	// For tls: Required. The pods wait until it exists. Default: the system's roots.
	// +optional
	CABundleRef *ConfigMapKeyRef `json:"caBundleRef,omitempty"`

	// passwordRef names a Secret key with the password. The pods mount it, the operator does not read it; they wait until it exists and follow its
	// changes. Default: no password.
	// +optional
	PasswordRef *SecretKeyRef `json:"passwordRef,omitempty"`
}

// RedisTLS says whether the connection is encrypted.
//
// +kubebuilder:validation:Enum=Disabled;Required
type RedisTLS string

// The modes of TLS to Redis.
const (
	RedisTLSDisabled RedisTLS = "Disabled"
	RedisTLSRequired RedisTLS = "Required"
)
