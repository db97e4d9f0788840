package desired_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
	"github.com/securedmcp/operator/test/golden"
)

var platform = desired.Platform{
	RuntimeImage:         "ghcr.io/securedmcp/runtime:1.2.3",
	OperatorNamespace:    "securedmcp-system",
	MonitoringNamespaces: []string{"monitoring"},
}

func TestObjectsOfTheSample(t *testing.T) {
	s := sample(t)
	objects := map[string]any{
		"serviceaccount": desired.ServiceAccount(s),
		"configmap":      desired.ConfigMap(s, []byte("{}\n")),
		"service":        desired.Service(s),
		"deployment":     desired.Deployment(s, platform),
		"ingress":        desired.Ingress(s),
		"networkpolicy":  desired.NetworkPolicy(s, platform),
		"budget":         desired.PodDisruptionBudget(s),
	}
	for kind, object := range objects {
		t.Run(kind, func(t *testing.T) { compare(t, kind, object) })
	}
}

func TestDeploymentOfAWorkloadWithEveryField(t *testing.T) {
	s := sample(t)
	s.Spec.Tokens = v1alpha1.Tokens{}
	s.Spec.Workload = v1alpha1.Workload{
		Replicas:        ptr.To[int32](5),
		Image:           "registry.example.com/own:1",
		ImagePullPolicy: v1alpha1.PullAlways,
		Resources: v1alpha1.Resources{
			Requests: map[string]resource.Quantity{"cpu": resource.MustParse("0.5")},
			Limits:   map[string]resource.Quantity{"memory": resource.MustParse("1Gi"), "ephemeral-storage": resource.MustParse("10Mi")},
		},
		ImagePullSecrets: []corev1.LocalObjectReference{{Name: "registry"}},
		PodLabels:        map[string]string{"team": "billing"},
		PodAnnotations:   map[string]string{"example.com/note": "x"},
		Scheduling: v1alpha1.Scheduling{
			NodeSelector: map[string]string{"disk": "ssd"},
			Tolerations:  []corev1.Toleration{{Key: "dedicated", Operator: corev1.TolerationOpEqual, Value: "mcp", Effect: corev1.TaintEffectNoSchedule}},
			Affinity: &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
				PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 5, PodAffinityTerm: corev1.PodAffinityTerm{TopologyKey: "zone"}}},
			}},
			TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{MaxSkew: 2, TopologyKey: "zone", WhenUnsatisfiable: corev1.DoNotSchedule}},
			PriorityClassName:         "important",
		},
	}
	compare(t, "deployment-every-field", desired.Deployment(s, platform))
}

func TestAutoscaledServer(t *testing.T) {
	s := sample(t)
	s.Spec.Workload.Autoscaling = &v1alpha1.Autoscaling{MinReplicas: 1, MaxReplicas: 8, TargetCPUUtilization: 55}
	compare(t, "autoscaler", desired.HorizontalPodAutoscaler(s))
	if got := *desired.Deployment(s, platform).Spec.Replicas; got != 1 {
		t.Errorf("%d replicas to start with, want the least number", got)
	}
	if desired.PodDisruptionBudget(s) == nil {
		t.Error("no budget, though eight pods may run")
	}
	s.Spec.Workload.Autoscaling = &v1alpha1.Autoscaling{MaxReplicas: 8}
	compare(t, "autoscaler-defaults", desired.HorizontalPodAutoscaler(s))
}

func TestNetworkPolicyOfWhatIsDeclared(t *testing.T) {
	s := sample(t)
	s.Spec.Exposure.From = []v1alpha1.Peer{
		{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "ingress-nginx"}}},
		{PodSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "mcp-client", Operator: metav1.LabelSelectorOpExists}}}},
		{NamespaceSelector: &metav1.LabelSelector{}},
	}
	s.Spec.Workload.Egress = v1alpha1.EgressDeclared
	s.Spec.Upstreams = append(s.Spec.Upstreams, v1alpha1.Upstream{Name: "other", HTTP: &v1alpha1.HTTPUpstream{URL: "http://stock.shop.svc.cluster.local./v1"}})
	s.Spec.RateLimit = &v1alpha1.RateLimit{Requests: 1, Redis: &v1alpha1.Redis{Address: "redis:6379"}}
	s.Spec.Tokens.JWKSURI = "https://keys.example.com:8443/jwks"
	s.Spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pod-tls"}
	compare(t, "networkpolicy-declared", desired.NetworkPolicy(s, platform))
}

func TestDNSIsThatOfTheCluster(t *testing.T) {
	s := sample(t)
	s.Spec.Workload.Egress = v1alpha1.EgressDeclared
	inside := platform
	inside.DNSNamespaces = []string{"kube-system", "dns"}
	compare(t, "networkpolicy-dns", desired.NetworkPolicy(s, inside))
}

// An operator outside of the cluster has no namespace to be let in from; a rule
// without peers would let everyone in.
func TestAdminPortIsClosedWhenNobodyMayAskIt(t *testing.T) {
	policy := desired.NetworkPolicy(sample(t), desired.Platform{})
	if len(policy.Spec.Ingress) != 1 || policy.Spec.Ingress[0].Ports[0].Port.IntValue() != 8080 {
		t.Errorf("rules %s, want that of the public port alone", manifest(t, policy))
	}
}

// Secrets and ConfigMaps that the spec refers to are mounted, and TLS has another
// port.
func TestObjectsOfAServerThatRefersToOthers(t *testing.T) {
	s := sample(t)
	s.Spec.Tokens.Type = v1alpha1.TokenTypeOpaque
	s.Spec.Tokens.Introspection = &v1alpha1.Introspection{ClientID: "mcp", ClientSecretRef: &v1alpha1.SecretKeyRef{Name: "mcp-client", Key: "secret"}}
	s.Spec.RateLimit = &v1alpha1.RateLimit{Requests: 1, Redis: &v1alpha1.Redis{
		Address: "redis:6379", TLS: v1alpha1.RedisTLSRequired,
		CABundleRef: &v1alpha1.ConfigMapKeyRef{Name: "redis-ca", Key: "root.pem"},
		PasswordRef: &v1alpha1.SecretKeyRef{Name: "redis", Key: "password"},
	}}
	s.Spec.Telemetry.Tracing = &v1alpha1.Tracing{Endpoint: "http://collector:4318", HeadersRef: &v1alpha1.SecretKeyRef{Name: "collector", Key: "headers"}}
	s.Spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pod-tls", MinVersion: v1alpha1.TLSv13}
	s.Spec.Exposure.Ingress.Annotations = map[string]string{"example.com/a": "1"}
	compare(t, "deployment-references", desired.Deployment(s, platform))
	compare(t, "service-tls", desired.Service(s))
	compare(t, "ingress-tls", desired.Ingress(s))
}

func TestAPrivateKeyIsMountedInPlaceOfTheSecret(t *testing.T) {
	s := sample(t)
	s.Spec.Tokens.Type = v1alpha1.TokenTypeOpaque
	s.Spec.Tokens.Introspection = &v1alpha1.Introspection{
		ClientID: "mcp", AuthMethod: v1alpha1.PrivateKeyJWT, PrivateKeyRef: &v1alpha1.SecretKeyRef{Name: "mcp-client", Key: "key.pem"},
	}
	for _, v := range desired.Deployment(s, platform).Spec.Template.Spec.Volumes {
		if v.Secret == nil {
			continue
		}
		if got := *v.Secret.SecretName + "/" + *v.Secret.Items[0].Key; got != "mcp-client/key.pem" || *v.Secret.Optional {
			t.Errorf("mounted %s, optional %v", got, *v.Secret.Optional)
		}
		return
	}
	t.Error("no Secret is mounted")
}

func TestTheProtocolOfTheIngressIsThePersonsToChoose(t *testing.T) {
	const annotation = "nginx.ingress.kubernetes.io/backend-protocol"
	s := sample(t)
	s.Spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pod-tls"}
	s.Spec.Exposure.Ingress.Annotations = map[string]string{annotation: "GRPCS"}
	if got := desired.Ingress(s).Annotations[annotation]; got != "GRPCS" {
		t.Errorf("annotation %q, want the person's", got)
	}
	if len(s.Spec.Exposure.Ingress.Annotations) != 1 {
		t.Error("the spec itself was changed")
	}
}

func TestIngressOfAResourceWithoutAPath(t *testing.T) {
	s := sample(t)
	s.Spec.Resource = "https://MCP.example.com:8443"
	s.Spec.Exposure.Ingress.ClassName = ""
	s.Spec.Exposure.Ingress.Annotations = map[string]string{"example.com/b": "2", "example.com/a": "1"}
	compare(t, "ingress-without-path", desired.Ingress(s))
}

// The Ingress has its certificate where cert-manager puts it.
func TestCertificateOfAnIssuer(t *testing.T) {
	s := sample(t)
	s.Spec.Exposure.Ingress.TLS = v1alpha1.IngressTLS{IssuerRef: &v1alpha1.IssuerRef{Name: "company"}}
	compare(t, "certificate", desired.Certificate(s))
	compare(t, "ingress-certificate", desired.Ingress(s))
	s.Spec.Exposure.Ingress.TLS.IssuerRef = &v1alpha1.IssuerRef{Name: "company", Kind: "AWSPCAIssuer", Group: "awspca.cert-manager.io"}
	compare(t, "certificate-of-another-group", desired.Certificate(s))
}

func TestASecretIsKeptForTheHostThatItIsFor(t *testing.T) {
	for name, test := range map[string]struct {
		host, had, kept string
	}{
		"somebody's":           {"mcp.example.com", "theirs", "theirs"},
		"of another host":      {"other.example.com", "theirs", ""},
		"none":                 {"mcp.example.com", "", ""},
		"that of cert-manager": {"mcp.example.com", "billing-tools-securedmcp-tls", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := sample(t)
			s.Spec.Exposure.Ingress.TLS = v1alpha1.IngressTLS{IssuerRef: &v1alpha1.IssuerRef{Name: "company"}}
			live := &networkingv1.Ingress{Spec: networkingv1.IngressSpec{TLS: []networkingv1.IngressTLS{{Hosts: []string{test.host}, SecretName: test.had}}}}
			live.Name = s.Name
			in := desired.Ingress(s)
			kept := desired.KeepSecret(in, live)
			want := test.kept
			if want == "" {
				want = "billing-tools-securedmcp-tls"
			}
			if has := *in.Spec.TLS[0].SecretName; kept != test.kept || has != want {
				t.Errorf("kept %q, has %q; want %q and %q", kept, has, test.kept, want)
			}
		})
	}
}

func TestNoCertificateUnlessAskedFor(t *testing.T) {
	s := sample(t)
	if got := desired.Certificate(s); got != nil {
		t.Errorf("got %v, want none beside a Secret", got)
	}
	s.Spec.Exposure.Ingress = nil
	if got := desired.Certificate(s); got != nil {
		t.Errorf("got %v, want none without an Ingress", got)
	}
}

func TestNoIngressUnlessAskedFor(t *testing.T) {
	s := sample(t)
	s.Spec.Exposure.Ingress = nil
	if got := desired.Ingress(s); got != nil {
		t.Errorf("got %v, want nil", got)
	}
}

// A new configuration must reach the pods without restarting them, so nothing
// that only the runtime cares about may show in the template.
func TestTheConfigurationDoesNotShowInTheDeployment(t *testing.T) {
	before := desired.Deployment(sample(t), platform)
	s := sample(t)
	s.Spec.Title, s.Spec.Issuer, s.Spec.Resource = "other", "https://other.example.com", "https://other.example.com/x"
	s.Spec.Audience, s.Spec.Scopes, s.Spec.RequiredScopes = "other", s.Spec.Scopes[:1], nil
	s.Spec.Tools, s.Spec.Upstreams = nil, nil
	s.Spec.Tokens.Algorithms, s.Spec.Tokens.DPoP = []v1alpha1.SigningAlgorithm{"ES256"}, v1alpha1.DPoPRequired
	s.Spec.Authentication.MaxAgeSeconds, s.Spec.Revocation.Subjects = 60, []string{"mallory"}
	s.Spec.AllowedOrigins, s.Spec.Limits.RequestBytes = []string{"https://app.example.com"}, 1024
	s.Spec.RateLimit = &v1alpha1.RateLimit{Requests: 1, Redis: &v1alpha1.Redis{Address: "redis:6379"}}
	s.Spec.Telemetry.Tracing = &v1alpha1.Tracing{Endpoint: "http://collector:4318", SampleRatio: "0.5"}
	s.Spec.Workload.LogLevel = v1alpha1.LogLevelDebug
	if diff := cmp.Diff(manifest(t, before), manifest(t, desired.Deployment(s, platform))); diff != "" {
		t.Errorf("Deployment (-before +after):\n%s", diff)
	}
}

func TestResourceDefaultsGiveWayToWhatIsGiven(t *testing.T) {
	type list = map[string]resource.Quantity
	tests := map[string]struct {
		given             v1alpha1.Resources
		requests, limits  string
		wantGoMemoryLimit string
	}{
		"nothing given": {
			v1alpha1.Resources{},
			"cpu=10m memory=32Mi", "memory=128Mi", "120795930",
		},
		"a memory limit of 0 is none": {
			v1alpha1.Resources{Limits: list{"memory": resource.MustParse("0")}},
			"cpu=10m memory=0", "memory=0", "off",
		},
		"a memory request above the default limit raises the limit": {
			v1alpha1.Resources{Requests: list{"memory": resource.MustParse("1Gi")}},
			"cpu=10m memory=1Gi", "memory=1Gi", "966367620",
		},
		"a memory limit below the default request lowers the request": {
			v1alpha1.Resources{Limits: list{"memory": resource.MustParse("16Mi")}},
			"cpu=10m memory=16Mi", "memory=16Mi", "15099480",
		},
		"a cpu limit below the default request lowers the request": {
			v1alpha1.Resources{Limits: list{"cpu": resource.MustParse("5m")}},
			"cpu=5m memory=32Mi", "cpu=5m memory=128Mi", "120795930",
		},
		"what is given and contradicts itself stays for the API server to refuse": {
			v1alpha1.Resources{Requests: list{"memory": resource.MustParse("2Gi")}, Limits: list{"memory": resource.MustParse("1Gi")}},
			"cpu=10m memory=2Gi", "memory=1Gi", "966367620",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := sample(t)
			s.Spec.Workload.Resources = test.given
			container := desired.Deployment(s, platform).Spec.Template.Spec.Containers[0]
			if got := quantities(*container.Resources.Requests); got != test.requests {
				t.Errorf("requests %q, want %q", got, test.requests)
			}
			if got := quantities(*container.Resources.Limits); got != test.limits {
				t.Errorf("limits %q, want %q", got, test.limits)
			}
			if got := *container.Env[0].Value; *container.Env[0].Name != "GOMEMLIMIT" || got != test.wantGoMemoryLimit {
				t.Errorf("%s=%s, want GOMEMLIMIT=%s", *container.Env[0].Name, got, test.wantGoMemoryLimit)
			}
		})
	}
}

// Usage is measured against the request: 70 percent of 10m are a few calls a
// second.
func TestAutoscaledPodsRequestMore(t *testing.T) {
	for limit, want := range map[string]string{"": "100m", "50m": "50m"} {
		s := sample(t)
		s.Spec.Workload.Replicas, s.Spec.Workload.Autoscaling = nil, &v1alpha1.Autoscaling{MaxReplicas: 8}
		if limit != "" {
			s.Spec.Workload.Resources.Limits = map[string]resource.Quantity{"cpu": resource.MustParse(limit)}
		}
		requests := *desired.Deployment(s, platform).Spec.Template.Spec.Containers[0].Resources.Requests
		if got := requests[corev1.ResourceCPU]; got.String() != want {
			t.Errorf("with a limit of %q the request is %s, want %s", limit, got.String(), want)
		}
	}
}

func quantities(list corev1.ResourceList) string {
	out := ""
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if q, ok := list[name]; ok {
			if out != "" {
				out += " "
			}
			out += string(name) + "=" + q.String()
		}
	}
	return out
}

func sample(t *testing.T) *v1alpha1.SecuredMCPServer {
	t.Helper()
	raw, err := os.ReadFile("../../../config/samples/billing-tools.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := new(v1alpha1.SecuredMCPServer)
	if err := yaml.UnmarshalStrict(raw, s); err != nil {
		t.Fatal(err)
	}
	s.UID = "11111111-2222-3333-4444-555555555555"
	return s
}

func compare(t *testing.T, name string, object any) {
	t.Helper()
	golden.Compare(t, filepath.Join("testdata", name+".yaml"), manifest(t, object))
}

func manifest(t *testing.T, object any) []byte {
	t.Helper()
	raw, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestHTTPRouteOfEveryField(t *testing.T) {
	s := sample(t)
	s.Spec.Exposure.Ingress = nil
	s.Spec.Exposure.Gateway = &v1alpha1.Gateway{ParentRefs: []v1alpha1.ParentRef{
		{Name: "public", Namespace: "edge", SectionName: "https", Port: 443},
		{Name: "private"},
	}}
	compare(t, "httproute", desired.HTTPRoute(s))
	s.Spec.Resource = "https://MCP.example.com:8443"
	s.Spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pod-tls"}
	compare(t, "httproute-without-path", desired.HTTPRoute(s))
	s.Spec.Exposure.Gateway = nil
	if got := desired.HTTPRoute(s); got != nil {
		t.Errorf("got %v, want none: it is not asked for", got)
	}
}

// While pods of both kinds are there both ports are open, and the Ingress leads to
// either, whatever the annotations of the spec say.
func TestObjectsOfAChangeover(t *testing.T) {
	s := sample(t)
	s.Spec.Exposure.From = []v1alpha1.Peer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"mcp-client": "true"}}}}
	service, policy, deployment := desired.Service(s), desired.NetworkPolicy(s, platform), desired.Deployment(s, platform)
	desired.OpenBoth(service, policy, deployment)
	compare(t, "service-changeover", service)
	compare(t, "networkpolicy-changeover", policy)
	if got := *deployment.Spec.MinReadySeconds; got != 30 {
		t.Errorf("pods have to be ready for %d s, want 30", got)
	}

	const annotation = "nginx.ingress.kubernetes.io/backend-protocol"
	tests := map[string]struct {
		tls         bool
		given, want string
	}{
		"to TLS":                            {true, "", "HTTPS"},
		"to TLS, though the spec has HTTP":  {true, "HTTP", "HTTPS"},
		"to TLS, in the person's own way":   {true, "GRPCS", "GRPCS"},
		"to plain, which has no annotation": {false, "", ""},
		"to plain, though the spec has TLS": {false, "https", ""},
		"to plain, in the person's own way": {false, "FCGI", "FCGI"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := sample(t)
			s.Spec.Exposure.Ingress.Annotations = map[string]string{"example.com/a": "1"}
			if tc.given != "" {
				s.Spec.Exposure.Ingress.Annotations[annotation] = tc.given
			}
			given := maps.Clone(s.Spec.Exposure.Ingress.Annotations)
			in := desired.Ingress(s)
			desired.LeadIngress(in, tc.tls)
			if got := in.Annotations[annotation]; got != tc.want {
				t.Errorf("annotation %q, want %q", got, tc.want)
			}
			if !maps.Equal(given, s.Spec.Exposure.Ingress.Annotations) {
				t.Error("the spec itself was changed")
			}
		})
	}
}
