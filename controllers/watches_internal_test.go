package controllers

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/securedmcp/operator/api/v1alpha1"
)

func TestClaimIsEqualForEqualURIs(t *testing.T) {
	tests := map[string]struct{ resource, want string }{
		"as written":                          {"https://mcp.example.com/billing", "https://mcp.example.com/billing"},
		"scheme and host in upper case":       {"HTTPS://MCP.Example.com/billing", "https://mcp.example.com/billing"},
		"the scheme's default port":           {"https://mcp.example.com:443/billing", "https://mcp.example.com/billing"},
		"the default port of another scheme":  {"https://mcp.example.com:80/billing", "https://mcp.example.com:80/billing"},
		"a path is case-sensitive":            {"https://mcp.example.com/Billing", "https://mcp.example.com/Billing"},
		"what is no URI claims only itself":   {"https://%zz", "https://%zz"},
		"an IPv6 host and the default port":   {"http://[::1]:80", "http://[::1]"},
		"a port that ends like the default's": {"https://mcp.example.com:1443", "https://mcp.example.com:1443"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &v1alpha1.SecuredMCPServer{Spec: v1alpha1.SecuredMCPServerSpec{Resource: test.resource}}
			if got := claim(s); got != test.want {
				t.Errorf("claim %q, want %q", got, test.want)
			}
		})
	}
}

func TestOlderOrdersAnyTwoServers(t *testing.T) {
	server := func(second int64, namespace, name string) *v1alpha1.SecuredMCPServer {
		return &v1alpha1.SecuredMCPServer{ObjectMeta: metav1.ObjectMeta{
			CreationTimestamp: metav1.NewTime(time.Unix(second, 0)), Namespace: namespace, Name: name,
		}}
	}
	tests := map[string]struct{ first, second *v1alpha1.SecuredMCPServer }{
		"age before name":                   {server(1, "z", "z"), server(2, "a", "a")},
		"namespace for servers of one age":  {server(1, "a", "z"), server(1, "b", "a")},
		"name for servers of one namespace": {server(1, "a", "a"), server(1, "a", "b")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if !older(test.first, test.second) || older(test.second, test.first) {
				t.Error("the second is older")
			}
		})
	}
}

func TestMessagesOfOthersAreBounded(t *testing.T) {
	long := ""
	for len(long) < 5000 {
		long += "ünïcödé "
	}
	if got := bounded(long); len([]rune(got)) != maxMessage {
		t.Errorf("message of %d characters, want %d", len([]rune(got)), maxMessage)
	}
	if got := eventNote(long); len(got) > 1024 || len(got) < 1000 {
		t.Errorf("note of %d bytes, want at most 1024 and not much less", len(got))
	}
	if bounded("short") != "short" || eventNote("short") != "short" {
		t.Error("a short message was changed")
	}
}

func TestPodUpdatesThatWakeTheReconciler(t *testing.T) {
	waiting := func(message string) *corev1.Pod {
		return &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: message}},
		}}}}
	}
	for name, test := range map[string]struct {
		before, now *corev1.Pod
		want        bool
	}{
		"the same trouble":    {waiting("no ConfigMap a"), waiting("no ConfigMap a"), false},
		"another trouble":     {waiting("no ConfigMap a"), waiting("no ConfigMap b"), true},
		"the trouble is over": {waiting("no ConfigMap a"), new(corev1.Pod), true},
		"nothing of interest": {new(corev1.Pod), &corev1.Pod{Status: corev1.PodStatus{PodIP: "10.0.0.1"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := podChangedVisibly.Update(event.UpdateEvent{ObjectOld: test.before, ObjectNew: test.now}); got != test.want {
				t.Errorf("wakes %v, want %v", got, test.want)
			}
		})
	}
}
