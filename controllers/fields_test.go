package controllers_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/jsonpath"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
)

const clusterFields = `
exposure:
  from:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}
    - podSelector: {matchLabels: {mcp-client: "true"}}
  ingress:
    className: nginx
    annotations: {example.com/owner: billing}
    tls: {secretName: mcp-tls}
workload:
  egress: Declared
  image: registry.example.com/own:1
  imagePullPolicy: Always
  imagePullSecrets: [{name: registry}]
  podLabels: {team: billing}
  podAnnotations: {example.com/note: x}
  resources: {requests: {cpu: 500m}, limits: {memory: 1Gi}}
  scheduling:
    nodeSelector: {disk: ssd}
    tolerations: [{key: dedicated, operator: Equal, value: mcp, effect: NoSchedule}]
    affinity:
      podAntiAffinity:
        preferredDuringSchedulingIgnoredDuringExecution: [{weight: 5, podAffinityTerm: {topologyKey: zone}}]
    topologySpreadConstraints: [{maxSkew: 2, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]
    priorityClassName: system-cluster-critical
`

// What no runtime sees is what the API server has afterwards, its defaults and
// its admission included. Each value is looked up where Kubernetes acts on it.
func TestEveryFieldForTheClusterReachesIt(t *testing.T) {
	w := newWorld(t)
	s := w.server("a")
	spec(t, s, clusterFields)
	w.create(s)
	w.settle(s)
	w.wantFields(s, &appsv1.Deployment{}, map[string]string{
		"spec.template.metadata.labels.team":                                                                    `"billing"`,
		"spec.template.metadata.annotations.example\\.com/note":                                                 `"x"`,
		"spec.template.spec.containers[0].image":                                                                `"registry.example.com/own:1"`,
		"spec.template.spec.containers[0].imagePullPolicy":                                                      `"Always"`,
		"spec.template.spec.containers[0].resources.requests.cpu":                                               `"500m"`,
		"spec.template.spec.containers[0].resources.limits.memory":                                              `"1Gi"`,
		"spec.template.spec.imagePullSecrets":                                                                   `[{"name":"registry"}]`,
		"spec.template.spec.nodeSelector.disk":                                                                  `"ssd"`,
		"spec.template.spec.tolerations":                                                                        `[{"effect":"NoSchedule","key":"dedicated","operator":"Equal","value":"mcp"}]`,
		"spec.template.spec.priorityClassName":                                                                  `"system-cluster-critical"`,
		"spec.template.spec.topologySpreadConstraints[0].maxSkew":                                               `2`,
		"spec.template.spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight": `5`,
	})
	w.wantFields(s, &networkingv1.Ingress{}, map[string]string{
		"spec.ingressClassName":                    `"nginx"`,
		"spec.tls[0].secretName":                   `"mcp-tls"`,
		"metadata.annotations.example\\.com/owner": `"billing"`,
	})
	w.wantFields(s, &networkingv1.NetworkPolicy{}, map[string]string{
		"spec.policyTypes":     `["Ingress","Egress"]`,
		"spec.ingress[0].from": `[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"ingress-nginx"}}},{"podSelector":{"matchLabels":{"mcp-client":"true"}}}]`,
	})

	w.update(s, func() { spec(t, s, `workload: {replicas: 5}`) })
	w.settle(s)
	w.wantFields(s, &appsv1.Deployment{}, map[string]string{"spec.replicas": `5`})

	w.update(s, func() {
		s.Spec.Workload.Replicas = nil
		spec(t, s, `workload: {autoscaling: {minReplicas: 3, maxReplicas: 8, targetCPUUtilization: 55}}`)
	})
	w.settle(s)
	w.wantFields(s, &autoscalingv2.HorizontalPodAutoscaler{}, map[string]string{
		"spec.minReplicas": `3`,
		"spec.maxReplicas": `8`,
		"spec.metrics[0].resource.target.averageUtilization": `55`,
	})
}

// spec reads fields from YAML, as a person writes them, and leaves the others.
func spec(t testing.TB, s *v1alpha1.SecuredMCPServer, fields string) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(fields), &s.Spec); err != nil {
		t.Fatal(err)
	}
}

// wantFields compares values of a child, as JSON, with what the API server has.
func (w *world) wantFields(s *v1alpha1.SecuredMCPServer, child client.Object, want map[string]string) {
	w.t.Helper()
	w.read(named(s, child))
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(child)
	if err != nil {
		w.t.Fatal(err)
	}
	got := map[string]string{}
	for path := range want {
		got[path] = w.field(fields, path)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%T (-want +got):\n%s", child, diff)
	}
}

// field returns one value as JSON, "" where there is none.
func (w *world) field(fields map[string]any, path string) string {
	w.t.Helper()
	finder := jsonpath.New(path).AllowMissingKeys(true)
	if err := finder.Parse("{." + path + "}"); err != nil {
		w.t.Fatal(err)
	}
	found, err := finder.FindResults(fields)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(found[0]) == 0 {
		return ""
	}
	raw, err := json.Marshal(found[0][0].Interface())
	if err != nil {
		w.t.Fatal(err)
	}
	return string(raw)
}
