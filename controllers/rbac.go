package controllers

// What the operator may do, and why. `make manifests` turns these markers into
// config/rbac and the Helm chart. No Secrets, nothing wildcarded.
//
// The servers themselves: read to know what is wanted; never changed.
// +kubebuilder:rbac:groups=securedmcp.dev,resources=securedmcpservers,verbs=get;list;watch
//
// Their status, which only the operator writes.
// +kubebuilder:rbac:groups=securedmcp.dev,resources=securedmcpservers/status,verbs=get;patch
//
// Owner references that block deletion, which need this right where the admission plugin OwnerReferencesPermissionEnforcement is on.
// +kubebuilder:rbac:groups=securedmcp.dev,resources=securedmcpservers/finalizers,verbs=update
//
// Children of every server: read to see whether they are as they should be; create and patch are what a server-side apply needs.
// +kubebuilder:rbac:groups="",resources=serviceaccounts;services,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch
//
// ConfigMaps: children as those above; and the CA bundles that servers name, read to ask their issuers and to say which one is missing.
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch;create;patch
//
// Children that come and go with the spec, and so are deleted too.
// +kubebuilder:rbac:groups=networking.k8s.io,resources=ingresses,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=autoscaling,resources=horizontalpodautoscalers,verbs=get;list;watch;create;patch;delete
//
// Certificates of cert-manager, for Ingresses that ask an issuer for one; the Secret that comes of it is for cert-manager and the ingress controller alone.
// +kubebuilder:rbac:groups=cert-manager.io,resources=certificates,verbs=get;list;watch;create;patch;delete
//
// Pods: read to say why they wait; patched, in one annotation, so that the kubelet refreshes the configuration.
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;patch
//
// Events about pods: where the kubelet says that a Secret is missing, which the operator may not look for itself.
// +kubebuilder:rbac:groups="",resources=events,verbs=list
//
// Events about servers.
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
