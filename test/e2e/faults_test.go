//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/client"
	"github.com/securedmcp/operator/hack/demo/cluster"
	"github.com/securedmcp/operator/test/stranger"
)

// None of these is parallel, since each harms what all tests share: tests that are
// run when these have ended.

const kills = 3

// An operator that is killed in the middle of its work leaves nothing half done
// that another one does not finish.
func TestTheOperatorIsKilledAtWork(t *testing.T) {
	s := newServer(t).start()
	token := s.token(readScope, writeScope)
	known, unknown := s.ask(s.token(readScope), 2), s.ask("", 1)
	original := s.manifest
	for range kills {
		s.manifest = original
		s.apply(moveScope)
		s.killLeader()
		s.waitStatus(token, voidTool, http.StatusForbidden)
		s.manifest = original
		s.apply()
		s.killLeader()
		s.waitStatus(token, voidTool, http.StatusOK)
	}
	s.checkOnly("a client with a token", known, http.StatusOK)
	s.checkOnly("a client without a token", unknown, http.StatusUnauthorized)
	if err := awaitRollout(t.Context(), cluster.OperatorKey); err != nil {
		t.Error(err)
	}
}

// restartOperators replaces all operators: one that a test before has killed a few
// times would not be started for minutes when it ends again.
func restartOperators(t *testing.T) {
	t.Helper()
	_, err := env.cluster.Kubectl(t.Context(), "-n", cluster.OperatorNamespace, "rollout", "restart", "deployment/"+cluster.OperatorKey.Name)
	if err == nil {
		err = awaitRollout(t.Context(), cluster.OperatorKey)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// killLeader kills the pod's program that holds the lease, as the kernel does when
// memory runs out.
func (s *server) killLeader() {
	s.t.Helper()
	s.wait("the leader to be killed", func(ctx context.Context) (bool, string, error) {
		pod := new(corev1.Pod)
		key := ctrlclient.ObjectKey{Namespace: cluster.OperatorNamespace, Name: podOf(leader(s.t))}
		if err := env.cluster.Get(ctx, key, pod); err != nil {
			return false, "", err
		}
		if err := env.cluster.Kill(pod); err != nil {
			return false, err.Error(), nil // it is down from the time before
		}
		return true, "", nil
	})
}

// Pods ask no API server, so clients notice nothing; and what is changed afterwards
// is enforced.
func TestTheAPIServerIsKilledAndComesBack(t *testing.T) {
	s := newServer(t).start()
	token := s.token(readScope, writeScope)
	known, unknown := s.ask(s.token(readScope), 2), s.ask("", 1)
	s.script("hack/cluster/restart-apiserver.sh")
	s.wait("an edit to be taken", func(context.Context) (bool, string, error) {
		err := s.tryApply(moveScope)
		return err == nil, fmt.Sprint(err), nil
	})
	s.waitStatus(token, voidTool, http.StatusForbidden)
	s.checkEnforced()
	s.checkOnly("a client with a token", known, http.StatusOK)
	s.checkOnly("a client without a token", unknown, http.StatusUnauthorized)
}

const (
	freezeAPIServer = "hack/cluster/freeze-apiserver.sh"
	// standstill is longer than a leader tries to renew its lease, so that operators
	// end, and shorter than a node is given to say that it is there.
	standstill = "15"
	// slowness is how long most requests take, at least slowTimes in a row: more than
	// the test takes, which ends it.
	slowness, slowTimes = "0.9", "120"
)

// An API server that takes requests and answers none is another thing than one that
// is gone: nobody is told. Clients notice nothing all the same.
func TestTheAPIServerStandsStillAndGoesOn(t *testing.T) {
	restartOperators(t)
	s := newServer(t).start()
	token := s.token(readScope, writeScope)
	known, unknown := s.ask(s.token(readScope), 2), s.ask("", 1)
	before := leader(t)
	s.script(freezeAPIServer, standstill)
	s.apply(moveScope)
	s.waitStatus(token, voidTool, http.StatusForbidden)
	s.checkEnforced()
	if now := leader(t); now == before {
		t.Errorf("the lease is still held by %s, so that this was no test of its end", before)
	}
	if err := awaitRollout(t.Context(), cluster.OperatorKey); err != nil {
		t.Error(err)
	}
	s.checkNothingLost(known, unknown)
}

// Every request of an operator takes most of a second. It is late, and nothing else.
func TestASlowAPIServerMakesTheOperatorLate(t *testing.T) {
	s := newServer(t).start()
	token := s.token(readScope, writeScope)
	known, unknown := s.ask(s.token(readScope), 2), s.ask("", 1)
	before, lead := operators(t), leader(t)
	original := s.manifest

	goOn := slowAPIServer(t)
	s.apply(moveScope)
	s.waitStatus(token, voidTool, http.StatusForbidden)
	s.manifest = original
	s.apply()
	s.waitStatus(token, voidTool, http.StatusOK)
	s.checkEnforced()
	goOn()

	wantOperators(t, before)
	if now := leader(t); now != lead {
		t.Errorf("the lease is held by %s, want %s, which had it", now, lead)
	}
	s.checkNothingLost(known, unknown)
}

// slowAPIServer has requests take most of a second until the function is called that
// it returns.
func slowAPIServer(t *testing.T) (goOn func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var slow sync.WaitGroup
	slow.Go(func() {
		err := env.cluster.Project.Script(ctx, t.Output(), freezeAPIServer, slowness, slowTimes)
		if ctx.Err() == nil {
			t.Errorf("the API server was slow no more before the test was through (%v)", err)
		}
	})
	goOn = func() { stop(); slow.Wait() }
	t.Cleanup(goOn)
	return goOn
}

// Without its Deployment a server cannot answer. It must not answer what it would
// not answer otherwise either, whichever child is gone, and only while one that
// leads to it is gone may the proxy answer in its place.
func TestNoChildIsWhatKeepsStrangersOut(t *testing.T) {
	s := newServer(t).start()
	children := []struct {
		kind string
		gone stranger.Gone
	}{
		{"NetworkPolicy", stranger.Nothing},
		{"ConfigMap", stranger.Nothing},
		{"ServiceAccount", stranger.Nothing},
		{"PodDisruptionBudget", stranger.Nothing},
		{"Service", stranger.Server},
		{"Ingress", stranger.Route},
		{"Deployment", stranger.Server},
	}
	for _, child := range children {
		unknown := s.askWithout(child.gone, s.probe(""), 2)
		s.replaced(child.kind)
		s.start()
		s.waitMore(unknown)
		counts := unknown.close()
		s.checkHarmless("while there is no "+child.kind, unknown)
		if counts["401"] == 0 {
			t.Errorf("the door never said no while there was no %s", child.kind)
		}
		t.Logf("a client without a token while there is no %s: %v", child.kind, counts)
	}
}

// replaced deletes a child and waits for another in its place.
func (s *server) replaced(kind string) {
	s.t.Helper()
	k := kinds(s)[kind]
	object := k.empty()
	if err := env.cluster.Get(s.t.Context(), s.key, object); err != nil {
		s.t.Fatal(err)
	}
	before := object.GetUID()
	if err := env.cluster.Delete(s.t.Context(), object); err != nil {
		s.t.Fatal(err)
	}
	s.waitChild(kind, k.empty, func(o ctrlclient.Object) bool { return o.GetUID() != before && k.good(o) })
}

// A client of the Service, inside of the cluster, that keeps its connections: no
// proxy tries again for it.
func TestAClientOfTheServiceThatKeepsItsConnectionsLosesNothing(t *testing.T) {
	s := newServer(t)
	s.manifest.Spec.Workload.Replicas = new(int32(3))
	s.start()
	service := new(corev1.Service)
	if err := env.cluster.Get(t.Context(), s.key, service); err != nil {
		t.Fatal(err)
	}
	direct := func(token string) *client.Probe {
		transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(service.Spec.ClusterIP, "80"))
		}}
		t.Cleanup(transport.CloseIdleConnections)
		return &client.Probe{Endpoint: "http://" + s.host + "/billing", Token: token, Transport: transport}
	}
	known, unknown := s.askThrough(direct(s.token(readScope)), 3), s.askThrough(direct(""), 1)

	before := s.podUIDs()
	if _, err := env.cluster.Kubectl(t.Context(), "-n", s.namespace, "rollout", "restart", "deployment/"+serverName); err != nil {
		t.Fatal(err)
	}
	for _, uid := range before {
		s.waitReplaced(uid)
	}
	s.scaleDown()
	s.checkNothingLost(known, unknown)
}

// While no node takes a pod, a drain gets one pod of a server and no more.
func TestADrainOfTheLastNodeLeavesThePodsThatServe(t *testing.T) {
	s := newServer(t).start()
	known, unknown := s.ask(s.token(readScope), 2), s.ask("", 1)
	nodes := func(ctx context.Context, verb string) {
		if _, err := env.cluster.Kubectl(ctx, verb, "--selector", corev1.LabelHostname); err != nil {
			t.Error(err)
		}
	}
	nodes(t.Context(), "cordon")
	t.Cleanup(func() { nodes(context.Background(), "uncordon") })

	pods, err := env.cluster.Pods(t.Context(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	s.evict(&pods[0])
	s.waitCondition(v1alpha1.ConditionAvailable, "True", v1alpha1.ReasonAvailable)
	s.wait("the first pod to be gone", func(ctx context.Context) (bool, string, error) {
		err := env.cluster.Get(ctx, ctrlclient.ObjectKeyFromObject(&pods[0]), new(corev1.Pod))
		return apierrors.IsNotFound(err), "it is on its way out", ctrlclient.IgnoreNotFound(err)
	})
	err = env.cluster.Clientset.PolicyV1().Evictions(s.namespace).Evict(t.Context(), &policyv1.Eviction{ObjectMeta: objectMeta(s.namespace, pods[1].Name)})
	if !apierrors.IsTooManyRequests(err) {
		t.Errorf("evicting the last pod that serves: %v, want the budget to refuse it", err)
	}
	nodes(t.Context(), "uncordon")
	s.evict(&pods[1])
	s.waitReplaced(pods[1].UID)
	s.checkNothingLost(known, unknown)
}
