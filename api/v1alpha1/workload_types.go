package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Workload says how the server runs.
//
// +kubebuilder:validation:XValidation:rule="!has(self.replicas) || !has(self.autoscaling)",fieldPath=".replicas",message="want no replicas while autoscaling is set: the HorizontalPodAutoscaler decides their number"
type Workload struct {
	// replicas is the number of pods; any of them answers any request. 0 stops the server. Default: 2.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Replicas *int32 `json:"replicas,omitempty"`

	// autoscaling leaves the number of pods to a HorizontalPodAutoscaler. Default: none, there are always as many as replicas says.
	// +optional
	Autoscaling *Autoscaling `json:"autoscaling,omitempty"`

	// resources are the compute resources of one pod. Default: requests of 10m cpu, with autoscaling 100m, and 32Mi memory,
	// and a memory limit of 128Mi, each unless given.
	// +optional
	Resources Resources `json:"resources,omitzero"`

	// image is the runtime image, for one's own build with builtin tools. Default: the runtime image of the operator's version.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches('^[^\\\\s]+$')",message="want an image reference without white space, for example ghcr.io/securedmcp/runtime:1.0.0"
	Image string `json:"image,omitempty"`

	// imagePullPolicy is Always, IfNotPresent or Never. Default: Always for the tag latest, otherwise IfNotPresent.
	// +optional
	ImagePullPolicy PullPolicy `json:"imagePullPolicy,omitempty"`

	// imagePullSecrets are Secrets of the namespace with the credentials of the image's registry. Default: none.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`

	// egress is where the pods may connect to, in clusters that enforce NetworkPolicies: Open, anywhere; or Declared, only DNS, the issuer,
	// and the namespaces of the upstreams, all of which must then be Services of the cluster, for example http://billing-api.billing.svc:8080.
	// An issuer outside of the cluster is any address at its port, since NetworkPolicies know no host names, and DNS any address at port 53 unless the
	// operator is told where it is. Default: Open.
	// +optional
	Egress Egress `json:"egress,omitempty"`

	// scheduling says on which nodes the pods may run. Default: any, spread over nodes where that is possible.
	// +optional
	Scheduling Scheduling `json:"scheduling,omitzero"`

	// podLabels are put on the pods, beside the operator's own. A change replaces the pods. Default: none.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('app.kubernetes.io/') && !k.startsWith('securedmcp.dev/'))",message="want no labels below app.kubernetes.io/ or securedmcp.dev/: the operator sets those"
	PodLabels map[string]string `json:"podLabels,omitempty"`

	// podAnnotations are put on the pods. A change replaces the pods. Default: none.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('securedmcp.dev/'))",message="want no annotations below securedmcp.dev/: the operator sets those"
	PodAnnotations map[string]string `json:"podAnnotations,omitempty"`

	// logLevel is the least level that is logged: Debug, Info, Warn or Error. Audit lines are written whatever it is. A change is followed without
	// a restart. Default: Info.
	// +optional
	LogLevel LogLevel `json:"logLevel,omitempty"`
}

// LogLevel is the least level that is logged.
//
// +kubebuilder:validation:Enum=Debug;Info;Warn;Error
type LogLevel string

// The log levels.
const (
	LogLevelDebug LogLevel = "Debug"
	LogLevelInfo  LogLevel = "Info"
	LogLevelWarn  LogLevel = "Warn"
	LogLevelError LogLevel = "Error"
)

// PullPolicy says when the image is pulled.
//
// +kubebuilder:validation:Enum=Always;IfNotPresent;Never
type PullPolicy string

// The pull policies.
const (
	PullAlways       PullPolicy = "Always"
	PullIfNotPresent PullPolicy = "IfNotPresent"
	PullNever        PullPolicy = "Never"
)

// Resources are the compute resources of one pod.
type Resources struct {
	// limits are the most that a pod may use, by resource, for example {memory: 128Mi}.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	Limits map[string]resource.Quantity `json:"limits,omitempty"` //nolint:kubeapilinter // a map, as in every pod: people paste these lines

	// requests are what a pod is guaranteed, by resource, for example {cpu: 10m, memory: 32Mi}.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	Requests map[string]resource.Quantity `json:"requests,omitempty"` //nolint:kubeapilinter // a map, as in every pod: people paste these lines
}
