package v1alpha1

// Monitoring has a Prometheus Operator scrape the metrics of the pods, with a ServiceMonitor, and alert on them, with a PrometheusRule. Both have the name of
// the object. The cluster needs the CustomResourceDefinitions of the Prometheus Operator; while it has none, the condition Monitored says APIMissing, and the
// server is served all the same. Where NetworkPolicies are enforced, Prometheus has to run in one of the operator's --monitoring-namespaces.
type Monitoring struct {
	// labels are put on the ServiceMonitor and the PrometheusRule, beside the operator's own, for a Prometheus that selects by them, for example
	// {release: prometheus}. Default: none.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('app.kubernetes.io/') && !k.startsWith('securedmcp.dev/'))",message="want no labels below app.kubernetes.io/ or securedmcp.dev/: the operator sets those"
	Labels map[string]string `json:"labels,omitempty"`

	// scrapeSeconds is how often the metrics of each pod are read. The alerts look at five minutes and more. Default: as often as Prometheus is told to.
	// +optional
	// +kubebuilder:validation:Minimum=5
	// +kubebuilder:validation:Maximum=60
	ScrapeSeconds int32 `json:"scrapeSeconds,omitempty"`

	// alerts says whether there is a PrometheusRule: Enabled or Disabled. What its alerts mean and what to do then is in docs/runbooks. Default: Enabled.
	// +optional
	Alerts Alerts `json:"alerts,omitempty"`
}

// Alerts says whether alerts are wanted.
//
// +kubebuilder:validation:Enum=Enabled;Disabled
type Alerts string

// Whether alerts are wanted.
const (
	AlertsEnabled  Alerts = "Enabled"
	AlertsDisabled Alerts = "Disabled"
)
