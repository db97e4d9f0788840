package v1alpha1

// The conditions of a SecuredMCPServer. All but Stalled are positive, and all but Stalled and Monitored are present from the first pass on.
const (
	// ConditionAccepted is True when the spec is valid.
	ConditionAccepted = "Accepted"
	// ConditionIssuerDiscovered is True when the issuer answers the operator as clients and pods need it to. It is not part of Ready.
	ConditionIssuerDiscovered = "IssuerDiscovered"
	// ConditionAvailable is True when all replicas are available but for one at most.
	ConditionAvailable = "Available"
	// ConditionExposed is True when the Ingress has an address, the Gateways accept the HTTPRoute, or neither is asked for.
	ConditionExposed = "Exposed"
	// ConditionEnforced is True when every pod that takes requests says that it enforces status.revision and is of the newest pod template.
	ConditionEnforced = "Enforced"
	// ConditionMonitored is True when the ServiceMonitor and the PrometheusRule that spec.monitoring asks for are there. It is absent while nothing is asked
	// for, and not part of Ready.
	ConditionMonitored = "Monitored"
	// ConditionStalled is there, and True, while the spec is not accepted and nothing but an edit or an administrator helps. It has the reason and message of
	// Accepted. Tools that judge objects by kstatus stop waiting then.
	ConditionStalled = "Stalled"
	// ConditionReady is True when Accepted, Available, Exposed and Enforced are; otherwise it has the reason and message of the first that is not.
	ConditionReady = "Ready"
)

// ReasonReady is the reason of Ready when it is True.
const ReasonReady = "Ready"

// ReasonReconciling is the reason of conditions that no pass has decided yet.
const ReasonReconciling = "Reconciling"

// Reasons of Accepted.
const (
	// ReasonAccepted says that the spec is valid.
	ReasonAccepted = "Accepted"
	// ReasonInvalidSpec says that the spec cannot be served; only an edit helps. What was accepted last keeps serving.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonResourceConflict says that an older object has the same resource, or the same route, or that one was deleted without its route.
	ReasonResourceConflict = "ResourceConflict"
	// ReasonHostNotAllowed says that the namespace may not use the host of spec.resource.
	ReasonHostNotAllowed = "HostNotAllowed"
	// ReasonImageNotAllowed says that spec.workload.image has none of the prefixes that images must have.
	ReasonImageNotAllowed = "ImageNotAllowed"
	// ReasonAnnotationNotAllowed says that spec.exposure.ingress.annotations or spec.workload.podAnnotations has a name that is not allowed.
	ReasonAnnotationNotAllowed = "AnnotationNotAllowed"
	// ReasonLabelNotAllowed says that spec.workload.podLabels has a name that is not allowed.
	ReasonLabelNotAllowed = "LabelNotAllowed"
	// ReasonNameConflict says that an object of the same name, which is not ours, is in the way.
	ReasonNameConflict = "NameConflict"
)

// Reasons of IssuerDiscovered, beside CABundleMissing and NotAsked.
const (
	// ReasonIssuerDiscovered says that metadata and keys are there and as they should be.
	ReasonIssuerDiscovered = "IssuerDiscovered"
	// ReasonIssuerUnreachable says that the issuer does not answer the operator.
	ReasonIssuerUnreachable = "IssuerUnreachable"
	// ReasonIssuerUntrusted says that the issuer's certificate does not verify.
	ReasonIssuerUntrusted = "IssuerUntrusted"
	// ReasonAddressNotAllowed says that the issuer's host leads to an address where the operator asks nobody.
	ReasonAddressNotAllowed = "AddressNotAllowed"
	// ReasonMetadataMissing says that no well-known place of the issuer has metadata.
	ReasonMetadataMissing = "MetadataMissing"
	// ReasonIssuerMismatch says that the metadata is that of another issuer.
	ReasonIssuerMismatch = "IssuerMismatch"
	// ReasonKeysMissing says that the issuer publishes no key that verifies signatures.
	ReasonKeysMissing = "KeysMissing"
	// ReasonIntrospectionMissing says that the metadata has no introspection endpoint, which opaque tokens need.
	ReasonIntrospectionMissing = "IntrospectionMissing"
	// ReasonPKCENotAdvertised says that the metadata does not advertise PKCE with S256, without which MCP clients do not go on.
	ReasonPKCENotAdvertised = "PKCENotAdvertised"
	// ReasonCABundleInvalid says that spec.tokens.caBundleRef leads to no PEM certificate.
	ReasonCABundleInvalid = "CABundleInvalid"
	// ReasonProbeDisabled says that the operator is told to ask no issuer.
	ReasonProbeDisabled = "ProbeDisabled"
)

// Reasons of Available.
const (
	// ReasonAvailable says that the replicas are available.
	ReasonAvailable = "Available"
	// ReasonProgressing says that replicas start and nothing stands in their way so far.
	ReasonProgressing = "Progressing"
	// ReasonNotDeployed says that nothing was ever accepted, hence nothing runs.
	ReasonNotDeployed = "NotDeployed"
	// ReasonScaledToZero says that spec.workload.replicas is 0.
	ReasonScaledToZero = "ScaledToZero"
	// ReasonChildRejected says that the API server refused a child, for example by an admission policy, or has not taken it for half a minute.
	ReasonChildRejected = "ChildRejected"
	// ReasonPodsForbidden says that pods may not be created: quota or Pod Security.
	ReasonPodsForbidden = "PodsForbidden"
	// ReasonUnschedulable says that no node takes a pod.
	ReasonUnschedulable = "Unschedulable"
	// ReasonImagePullFailed says that the image cannot be pulled.
	ReasonImagePullFailed = "ImagePullFailed"
	// ReasonContainerConfigInvalid says that the kubelet cannot create the container.
	ReasonContainerConfigInvalid = "ContainerConfigInvalid"
	// ReasonCABundleMissing says that the ConfigMap or key of a caBundleRef does not exist.
	ReasonCABundleMissing = "CABundleMissing"
	// ReasonSecretMissing says that the kubelet cannot mount a Secret that the spec refers to: it, or a key of it, does not exist.
	ReasonSecretMissing = "SecretMissing"
	// ReasonCrashLooping says that the runtime exits again and again.
	ReasonCrashLooping = "CrashLooping"
	// ReasonNotReady says that the runtime runs and is not ready.
	ReasonNotReady = "NotReady"
)

// Reasons of Exposed.
const (
	// ReasonExposed says that the Ingress has an address, or that the Gateways accept the HTTPRoute.
	ReasonExposed = "Exposed"
	// ReasonClusterLocal says that no exposure is asked for: the Service is all there is.
	ReasonClusterLocal = "ClusterLocal"
	// ReasonRouteEnding says that a route is still there which is no longer asked for, one that is being deleted,
	// or that the server is.
	ReasonRouteEnding = "RouteEnding"
	// ReasonIngressPending says that no ingress controller has given the Ingress an address.
	ReasonIngressPending = "IngressPending"
	// ReasonIngressRejected says that the API server refused the Ingress.
	ReasonIngressRejected = "IngressRejected"
	// ReasonCertificatePending says that cert-manager has not made the certificate, and why.
	ReasonCertificatePending = "CertificatePending"
	// ReasonCertificateRejected says that the API server refused the Certificate.
	ReasonCertificateRejected = "CertificateRejected"
	// ReasonRoutePending says that the controller of a Gateway has not said whether it takes the HTTPRoute.
	ReasonRoutePending = "RoutePending"
	// ReasonRouteNotAccepted says that a Gateway does not take the HTTPRoute.
	ReasonRouteNotAccepted = "RouteNotAccepted"
	// ReasonRouteRejected says that the API server refused the HTTPRoute.
	ReasonRouteRejected = "RouteRejected"
	// ReasonAPIMissing says that the spec asks for a kind that the cluster does not have.
	ReasonAPIMissing = "APIMissing"
)

// Reasons of Enforced.
const (
	// ReasonEnforced says that every pod that takes requests enforces status.revision.
	ReasonEnforced = "Enforced"
	// ReasonRollingOut says that pods of an older template run: of another image, with other Secrets, or without TLS.
	ReasonRollingOut = "RollingOut"
	// ReasonPaused says that pods of an older template run because somebody has paused the Deployment.
	ReasonPaused = "Paused"
	// ReasonConfigRefused says that a pod refuses the configuration and keeps the one before.
	ReasonConfigRefused = "ConfigRefused"
	// ReasonPodUnreachable says that a pod does not tell what it enforces.
	ReasonPodUnreachable = "PodUnreachable"
	// ReasonForeignPod says that a pod which is not of the Deployment gets this server's requests.
	ReasonForeignPod = "ForeignPod"
	// ReasonPropagating says that the configuration is on its way to a pod.
	ReasonPropagating = "Propagating"
	// ReasonNotAsked says that the operator has not come to ask a pod, or the issuer, yet.
	ReasonNotAsked = "NotAsked"
	// ReasonNoReadyReplicas says that no pod takes requests, so there is nobody to ask.
	ReasonNoReadyReplicas = "NoReadyReplicas"
)

// Reasons of Monitored, beside APIMissing and NameConflict.
const (
	// ReasonMonitored says that the ServiceMonitor and the PrometheusRule are there.
	ReasonMonitored = "Monitored"
	// ReasonMonitorRejected says that the API server refused the ServiceMonitor or the PrometheusRule.
	ReasonMonitorRejected = "MonitorRejected"
	// ReasonNotMonitored says that monitoring is asked for in a spec that has not been accepted.
	ReasonNotMonitored = "NotMonitored"
)
