package manifests_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// Two releases in one namespace, each with a selector of its own, both act, and a
// server that neither selects is left as it is.
func TestTwoReleasesShareACluster(t *testing.T) {
	admin := newAdmin(t)
	createNamespace(t, admin, "shared")
	program := buildProgram(t)
	for _, team := range []string{"red", "blue"} {
		values := []string{"--set", "fullnameOverride=" + team + ",namespaces={shared},rbac.aggregate=false,watchLabelSelector=team=" + team}
		install(t, admin, values...)
		runProgram(t, program, team, values...)
	}
	create := func(name, team string) *v1alpha1.SecuredMCPServer {
		s := sample(t)
		s.Name, s.Namespace, s.Labels = name, "shared", map[string]string{"team": team}
		s.Spec.Resource = "https://shared.example.com/" + name
		must(t, admin.Create(t.Context(), s))
		return s
	}
	starts := func(s *v1alpha1.SecuredMCPServer) {
		wait(t, s.Name+" is worked on", func() bool { return ready(t, admin, s) == "False Progressing" })
	}
	red, blue := create("a-red", "red"), create("a-blue", "blue")
	starts(red)
	starts(blue)

	service := &corev1.Service{}
	service.Name, service.Namespace = red.Name, red.Namespace
	change(t, admin, red, func() { red.Labels = nil })
	change(t, admin, red, func() { red.Spec.Title = "nobody's" })
	starts(create("later-red", "red")) // its operator has seen what came before
	must(t, admin.Delete(t.Context(), service))
	starts(create("last-red", "red")) // and looks at nothing of before any more
	must(t, admin.Get(t.Context(), client.ObjectKeyFromObject(red), red))
	if red.Status.ObservedGeneration == red.Generation {
		t.Error("the server that nobody selects was looked at")
	}
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(red), service); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("its Service was put back: %v", err)
	}
	must(t, admin.Get(t.Context(), client.ObjectKeyFromObject(red), &appsv1.Deployment{}))

	change(t, admin, red, func() { red.Labels = map[string]string{"team": "blue"} })
	wait(t, "the other operator takes it over", func() bool {
		return admin.Get(t.Context(), client.ObjectKeyFromObject(red), service) == nil
	})
}

// change patches s, so that a status written meanwhile is no conflict.
func change(t *testing.T, admin client.Client, s *v1alpha1.SecuredMCPServer, edit func()) {
	t.Helper()
	before := client.MergeFrom(s.DeepCopy())
	edit()
	must(t, admin.Patch(t.Context(), s, before))
}
