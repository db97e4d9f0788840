package controllers

// What the operator may do, and why. `make manifests` turns these markers into
// config/rbac and the Helm chart. No Secrets, nothing wildcarded.
//
// The API itself; finalizers because an owner reference that blocks deletion
// needs the right to set them where OwnerReferencesPermissionEnforcement is on.
// +kubebuilder:rbac:groups=securedmcp.dev,resources=securedmcpservers,verbs=get;list;watch
// +kubebuilder:rbac:groups=securedmcp.dev,resources=securedmcpservers/status,verbs=get;patch
// +kubebuilder:rbac:groups=securedmcp.dev,resources=securedmcpservers/finalizers,verbs=update
//
// Children: create is what a server-side apply of an absent object needs beside patch.
// +kubebuilder:rbac:groups="",resources=configmaps;serviceaccounts;services,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=ingresses,verbs=get;list;watch;create;patch;delete
//
// Pods: read to say why they wait, annotated so that the kubelet refreshes the configuration.
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;patch
//
// Events about pods: where the kubelet says that a Secret is missing, which the operator may not look for itself.
// +kubebuilder:rbac:groups="",resources=events,verbs=list
//
// Events about SecuredMCPServers.
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
