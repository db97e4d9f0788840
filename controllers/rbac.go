package controllers

// What the operator may do, and why. `make manifests` turns these markers into
// config/rbac and the Helm chart. No Secrets, nothing wildcarded.
//
// Servers: list and watch tell what is wanted. They are never changed, nor read one by one.
// +kubebuilder:rbac:groups=securedmcp.dev,resources=securedmcpservers,verbs=list;watch
//
// Their status, which only the operator writes: patch, as a server-side apply.
// +kubebuilder:rbac:groups=securedmcp.dev,resources=securedmcpservers/status,verbs=patch
//
// Owner references that block deletion: the admission plugin OwnerReferencesPermissionEnforcement, where it is on, asks for update. No request is made with it.
// +kubebuilder:rbac:groups=securedmcp.dev,resources=securedmcpservers/finalizers,verbs=update
//
// Children of every server: list and watch see that they are as they should be; get sees, where one cannot be made because there is an object of its name, whose that is; create and patch are what a server-side apply needs.
// +kubebuilder:rbac:groups="",resources=serviceaccounts;services,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch
//
// ConfigMaps: get, list, watch, create and patch for children as those above; get also reads the CA bundles that servers name, to ask their issuers and to say which one is missing.
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch;create;patch
//
// Children that come and go with the spec: get, list, watch, create and patch as for the others; delete when the spec no longer asks for them, and Ingresses to make them anew when their class changes.
// +kubebuilder:rbac:groups=networking.k8s.io,resources=ingresses,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=autoscaling,resources=horizontalpodautoscalers,verbs=get;list;watch;create;patch;delete
//
// Certificates of cert-manager, for Ingresses that ask an issuer for one: get, list, watch, create, patch and delete as for those; the Secret that comes of it is for cert-manager and the ingress controller alone.
// +kubebuilder:rbac:groups=cert-manager.io,resources=certificates,verbs=get;list;watch;create;patch;delete
//
// The route that spec.exposure.gateway asks for, where the cluster has the Gateway API: get, list, watch, create, patch and delete as for Ingresses.
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=httproutes,verbs=get;list;watch;create;patch;delete
//
// What spec.monitoring asks for, where the cluster has the Prometheus Operator: get, list, watch, create, patch and delete as for Ingresses.
// +kubebuilder:rbac:groups=monitoring.coreos.com,resources=servicemonitors;prometheusrules,verbs=get;list;watch;create;patch;delete
//
// Pods: list and watch tell why they wait and whom to ask what they enforce; patch sets one annotation, so that the kubelet refreshes the configuration.
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch;patch
//
// Events about pods: list finds where the kubelet says that a Secret is missing, which the operator may not look for itself.
// +kubebuilder:rbac:groups="",resources=events,verbs=list
//
// Events about servers: create tells of a change of Ready. Each is about another version of the server, so none becomes a series, which would be patched.
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create
