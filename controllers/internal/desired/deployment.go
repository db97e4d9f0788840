package desired

import (
	"cmp"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/render"
)

const (
	// DefaultReplicas is the number of pods when spec.workload.replicas is not
	// given.
	DefaultReplicas = 2
	// ContainerName is the name of the runtime's container.
	ContainerName = "runtime"
	// AnnotationConfigRevision on a pod makes the kubelet refresh the pod's
	// volumes at once, because the pod changed. It is never in the template: a
	// new configuration must not restart pods.
	AnnotationConfigRevision = "securedmcp.dev/config-revision"

	// PortHTTPS is the name of the port of pods that speak TLS, and of no other's.
	PortHTTPS = "https"

	portHTTP    = "http"
	portAdmin   = "admin"
	httpPort    = 8080
	httpsPort   = 8443
	adminPort   = 9090
	nonRootUser = 65532

	configDir    = "/etc/securedmcp/config"
	volumeConfig = "config"

	// gracePeriodSeconds is more than the runtime needs to drain: it takes requests
	// for drainDelaySeconds more, until whoever sends them has noticed that it is
	// not ready, and gives those that it has drainTimeoutSeconds to end.
	gracePeriodSeconds  = 30
	drainDelaySeconds   = 5
	drainTimeoutSeconds = 20
	// revisionHistory is enough to roll back by hand; the default of 10 is ten
	// ReplicaSets for every server.
	revisionHistory = 3
)

// Deployment runs the runtime under restricted Pod Security. Its template names
// the ConfigMap and says nothing of what is in it, so that a new configuration
// does not restart pods.
//
// With spec.workload.autoscaling, the number of replicas is the one to start
// with; see KeepReplicas.
func Deployment(s *v1alpha1.SecuredMCPServer, p Platform) *appsv1ac.DeploymentApplyConfiguration {
	return appsv1ac.Deployment(s.Name, s.Namespace).
		WithLabels(labels(s)).
		WithOwnerReferences(owner(s)).
		WithSpec(appsv1ac.DeploymentSpec().
			WithReplicas(MinReplicas(s)).
			WithRevisionHistoryLimit(revisionHistory).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(Selector(s))).
			WithStrategy(appsv1ac.DeploymentStrategy().
				WithType(appsv1.RollingUpdateDeploymentStrategyType).
				WithRollingUpdate(appsv1ac.RollingUpdateDeployment().
					WithMaxSurge(intstr.FromInt32(1)).
					WithMaxUnavailable(intstr.FromInt32(0)))).
			WithTemplate(corev1ac.PodTemplateSpec().
				WithLabels(podLabels(s)).
				WithAnnotations(s.Spec.Workload.PodAnnotations).
				WithSpec(pod(s, p))))
}

// KeepReplicas has d, a Deployment that exists and that an autoscaler scales,
// say about its replicas what we applied last: nothing, nil, once the autoscaler has
// taken the field over, since taking it back would undo what it did, and
// before that what is there, since giving the field up would reset it to 1. It is
// never less than the autoscaler's least: at 0 an autoscaler does nothing.
func KeepReplicas(d *appsv1ac.DeploymentApplyConfiguration, applied *int32) {
	least := d.Spec.Replicas
	d.Spec.Replicas = nil
	if applied != nil {
		d.Spec.Replicas = new(max(*applied, *least))
	}
}

// Replicas returns the number of pods that s asks for without an autoscaler.
func Replicas(s *v1alpha1.SecuredMCPServer) int32 {
	if r := s.Spec.Workload.Replicas; r != nil {
		return *r
	}
	return DefaultReplicas
}

func pod(s *v1alpha1.SecuredMCPServer, p Platform) *corev1ac.PodSpecApplyConfiguration {
	spec := corev1ac.PodSpec().
		WithServiceAccountName(s.Name).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithTerminationGracePeriodSeconds(gracePeriodSeconds).
		WithSecurityContext(corev1ac.PodSecurityContext().
			WithRunAsNonRoot(true).
			WithRunAsUser(nonRootUser).
			WithRunAsGroup(nonRootUser).
			WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))).
		WithContainers(container(s, p.RuntimeImage)).
		WithVolumes(volumes(s)...)
	for _, secret := range s.Spec.Workload.ImagePullSecrets {
		if secret.Name == "" {
			continue // the type of pods allows it, kubelets skip it, and the API server does not keep the name
		}
		spec.WithImagePullSecrets(corev1ac.LocalObjectReference().WithName(secret.Name))
	}
	return schedule(s, spec)
}

func container(s *v1alpha1.SecuredMCPServer, defaultImage string) *corev1ac.ContainerApplyConfiguration {
	workload := &s.Spec.Workload
	needs := requirements(workload)
	public := publicPort(s)
	c := corev1ac.Container().
		WithName(ContainerName).
		WithImage(cmp.Or(workload.Image, defaultImage)).
		WithArgs(
			"--config", configDir+"/"+ConfigKey,
			"--listen", ":"+strconv.Itoa(int(public.container)),
			"--admin-listen", ":"+strconv.Itoa(adminPort),
			"--drain-delay", strconv.Itoa(drainDelaySeconds)+"s",
			"--drain-timeout", strconv.Itoa(drainTimeoutSeconds)+"s").
		WithArgs(tlsArgs(s)...).
		WithEnv(corev1ac.EnvVar().WithName("GOMEMLIMIT").WithValue(goMemoryLimit(needs))).
		WithPorts(port(public.name, public.container), port(portAdmin, adminPort)).
		WithReadinessProbe(get("/readyz").WithPeriodSeconds(1).WithTimeoutSeconds(2).WithFailureThreshold(3)).
		WithLivenessProbe(get("/healthz").WithPeriodSeconds(10).WithTimeoutSeconds(5).WithFailureThreshold(3)).
		WithResources(needs).
		WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError).
		WithSecurityContext(corev1ac.SecurityContext().
			WithAllowPrivilegeEscalation(false).
			WithReadOnlyRootFilesystem(true).
			WithRunAsNonRoot(true).
			WithCapabilities(corev1ac.Capabilities().WithDrop("ALL"))).
		WithVolumeMounts(mounts(s)...)
	if workload.ImagePullPolicy != "" {
		c.WithImagePullPolicy(corev1.PullPolicy(workload.ImagePullPolicy))
	}
	return c
}

// tlsArgs are the flags of a runtime that speaks TLS itself.
func tlsArgs(s *v1alpha1.SecuredMCPServer) []string {
	tls := render.PodTLS(&s.Spec)
	if tls == nil {
		return nil
	}
	return []string{"--tls-cert-file", tls.CertFile, "--tls-key-file", tls.KeyFile}
}

func port(name string, number int32) *corev1ac.ContainerPortApplyConfiguration {
	return corev1ac.ContainerPort().WithName(name).WithContainerPort(number).WithProtocol(corev1.ProtocolTCP)
}

func get(path string) *corev1ac.ProbeApplyConfiguration {
	return corev1ac.Probe().WithHTTPGet(corev1ac.HTTPGetAction().WithPath(path).WithPort(intstr.FromString(portAdmin)))
}

// volumes are those of the configuration and of what the spec refers to.
func volumes(s *v1alpha1.SecuredMCPServer) []*corev1ac.VolumeApplyConfiguration {
	all := []*corev1ac.VolumeApplyConfiguration{
		corev1ac.Volume().WithName(volumeConfig).WithConfigMap(corev1ac.ConfigMapVolumeSource().WithName(s.Name)),
	}
	for _, ref := range render.References(&s.Spec) {
		all = append(all, volume(ref))
	}
	return all
}

// volume is not optional: without its files the runtime could not do what the
// spec says. The kubelet keeps the pod waiting until they exist.
func volume(ref render.Reference) *corev1ac.VolumeApplyConfiguration {
	var items []*corev1ac.KeyToPathApplyConfiguration
	for _, key := range ref.Keys {
		items = append(items, corev1ac.KeyToPath().WithKey(key).WithPath(key))
	}
	v := corev1ac.Volume().WithName(ref.Volume)
	if ref.Kind == render.KindSecret {
		return v.WithSecret(corev1ac.SecretVolumeSource().WithSecretName(ref.Name).WithOptional(false).WithItems(items...))
	}
	return v.WithConfigMap(corev1ac.ConfigMapVolumeSource().WithName(ref.Name).WithOptional(false).WithItems(items...))
}

// mounts are of whole directories: the kubelet never updates single files.
func mounts(s *v1alpha1.SecuredMCPServer) []*corev1ac.VolumeMountApplyConfiguration {
	all := []*corev1ac.VolumeMountApplyConfiguration{mount(volumeConfig, configDir)}
	for _, ref := range render.References(&s.Spec) {
		all = append(all, mount(ref.Volume, ref.Dir()))
	}
	return all
}

func mount(name, path string) *corev1ac.VolumeMountApplyConfiguration {
	return corev1ac.VolumeMount().WithName(name).WithMountPath(path).WithReadOnly(true)
}
