//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// prometheus is a real one. What the Prometheus Operator would make of the objects
// of a server is what it is configured with.
type prometheus struct{ address string }

// startPrometheus starts one that goes by a ServiceMonitor and a PrometheusRule.
func startPrometheus(t *testing.T, monitor, rules *unstructured.Unstructured) *prometheus {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatalf("this test needs Prometheus: hack/apt.sh prometheus installs it: %v", err)
	}
	p, folder := &prometheus{address: freeAddress(t)}, t.TempDir()
	// What a PrometheusRule specifies is what a file of rules holds.
	writeYAML(t, filepath.Join(folder, "rules.yaml"), rules.Object["spec"])
	writeYAML(t, filepath.Join(folder, "prometheus.yaml"), map[string]any{
		"global":         map[string]any{"scrape_interval": "1m", "evaluation_interval": "1s"},
		"rule_files":     []any{"rules.yaml"},
		"scrape_configs": scrapeConfigs(t, monitor),
	})
	path := filepath.Join(folder, "prometheus.yaml")
	if out, err := exec.CommandContext(t.Context(), "promtool", "check", "config", path).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v\n%s", err, out)
	}
	command := exec.CommandContext(t.Context(), program, "--config.file", path,
		"--storage.tsdb.path", filepath.Join(folder, "data"), "--web.listen-address", p.address, "--log.level", "warn")
	command.Stdout, command.Stderr = t.Output(), t.Output()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Wait() }) // the context of the test has ended it
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func writeYAML(t *testing.T, path string, content any) {
	t.Helper()
	raw, err := yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// serviceMonitor are the fields of one that the operator sets.
type serviceMonitor struct {
	Spec struct {
		JobLabel  string               `json:"jobLabel"`
		Selector  metav1.LabelSelector `json:"selector"`
		Endpoints []struct {
			TargetPort string `json:"targetPort"`
			Path       string `json:"path"`
			Interval   string `json:"interval"`
		} `json:"endpoints"`
	} `json:"spec"`
}

func readMonitor(t *testing.T, o *unstructured.Unstructured) serviceMonitor {
	t.Helper()
	var m serviceMonitor
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Spec.Endpoints) == 0 || len(m.Spec.Selector.MatchLabels) == 0 {
		t.Fatalf("the ServiceMonitor selects nothing: %+v", m)
	}
	return m
}

// scrapeConfigs is what the Prometheus Operator makes of a ServiceMonitor: all that is
// discovered in its namespace, less what it does not select.
func scrapeConfigs(t *testing.T, o *unstructured.Unstructured) []any {
	t.Helper()
	m := readMonitor(t, o)
	var out []any
	for i, endpoint := range m.Spec.Endpoints {
		var relabelings []any
		for name, value := range m.Spec.Selector.MatchLabels {
			relabelings = append(relabelings, keep(metaLabel("service_label", name), value))
		}
		relabelings = append(relabelings,
			keep(metaLabel("pod_container_port", "name"), endpoint.TargetPort),
			named(metaLabel("service_label", m.Spec.JobLabel), "job"),
			named("__meta_kubernetes_namespace", "namespace"),
			named("__meta_kubernetes_service_name", "service"),
			named("__meta_kubernetes_pod_name", "pod"),
		)
		out = append(out, map[string]any{
			"job_name":        fmt.Sprintf("serviceMonitor/%s/%s/%d", o.GetNamespace(), o.GetName(), i),
			"metrics_path":    endpoint.Path,
			"scrape_interval": endpoint.Interval,
			"scrape_timeout":  endpoint.Interval,
			"static_configs":  discovered(t, o.GetNamespace()),
			"relabel_configs": relabelings,
		})
	}
	return out
}

// discovered are the ports of all pods behind all Services of a namespace, labelled as
// Prometheus labels what it discovers; the one of Debian cannot ask Kubernetes.
func discovered(t *testing.T, namespace string) []any {
	t.Helper()
	var services corev1.ServiceList
	if err := env.cluster.List(t.Context(), &services, ctrlclient.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	var out []any
	for _, service := range services.Items {
		var pods corev1.PodList
		if err := env.cluster.List(t.Context(), &pods, ctrlclient.InNamespace(namespace), ctrlclient.MatchingLabels(service.Spec.Selector)); err != nil {
			t.Fatal(err)
		}
		for _, pod := range pods.Items {
			for _, port := range pod.Spec.Containers[0].Ports {
				out = append(out, map[string]any{
					"targets": []any{net.JoinHostPort(pod.Status.PodIP, fmt.Sprint(port.ContainerPort))},
					"labels":  metaLabels(&service, pod.Name, port.Name),
				})
			}
		}
	}
	return out
}

func metaLabels(service *corev1.Service, pod, port string) map[string]string {
	out := map[string]string{
		"__meta_kubernetes_namespace":               service.Namespace,
		"__meta_kubernetes_service_name":            service.Name,
		"__meta_kubernetes_pod_name":                pod,
		"__meta_kubernetes_pod_container_port_name": port,
	}
	for name, value := range service.Labels {
		out[metaLabel("service_label", name)] = value
	}
	return out
}

var notInLabels = regexp.MustCompile(`[^a-zA-Z0-9_]`)

func metaLabel(of, name string) string {
	return "__meta_kubernetes_" + of + "_" + notInLabels.ReplaceAllString(name, "_")
}

// keep drops the targets that have another value.
func keep(label, value string) map[string]any {
	return map[string]any{"action": "keep", "source_labels": []any{label}, "regex": regexp.QuoteMeta(value)}
}

// named gives a label of the target to all that is scraped from it.
func named(label, as string) map[string]any {
	return map[string]any{"source_labels": []any{label}, "target_label": as}
}

// get asks the API of Prometheus.
func (p *prometheus) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/api/v1/"+path, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("Prometheus answers %s", resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(&struct {
		Data any `json:"data"`
	}{into})
}

// series are the label sets that an expression finds now.
func (p *prometheus) series(ctx context.Context, expression string) ([]map[string]string, error) {
	var found struct {
		Result []struct {
			Metric map[string]string `json:"metric"`
		} `json:"result"`
	}
	if err := p.get(ctx, "query?query="+url.QueryEscape(expression), &found); err != nil {
		return nil, err
	}
	var out []map[string]string
	for _, r := range found.Result {
		out = append(out, r.Metric)
	}
	return out, nil
}

// ruleState is what became of a rule: its health is ok once it was evaluated, and
// it is inactive while there is nothing to alert about.
type ruleState struct {
	Name      string `json:"name"`
	Query     string `json:"query"`
	Health    string `json:"health"`
	LastError string `json:"lastError"`
	State     string `json:"state"`
}

func (p *prometheus) rules(ctx context.Context) ([]ruleState, error) {
	var found struct {
		Groups []struct {
			Rules []ruleState `json:"rules"`
		} `json:"groups"`
	}
	if err := p.get(ctx, "rules", &found); err != nil {
		return nil, err
	}
	var out []ruleState
	for _, g := range found.Groups {
		out = append(out, g.Rules...)
	}
	return out, nil
}
