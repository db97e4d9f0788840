//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/client"
	"github.com/securedmcp/operator/hack/demo/cluster"
	"github.com/securedmcp/operator/test/stranger"
)

// stream asks again and again, and remembers each status that came back.
type stream struct {
	mu     sync.Mutex
	counts map[string]int
	// check looks at answers to somebody without a token; odd are those that are not
	// harmless.
	check func(*client.Answer) error
	odd   []string
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// ask starts workers that call lookup_invoice until the stream is closed.
func (s *server) ask(token string, workers int) *stream {
	return s.askThrough(s.probe(token), workers)
}

// askPause is between an answer and the next question of a worker. Without it the
// node has time for nothing else, its probes and proxies included.
const askPause = 10 * time.Millisecond

// askThrough is ask by another way.
func (s *server) askThrough(probe *client.Probe, workers int) *stream {
	return s.askWithout(stranger.Nothing, probe, workers)
}

// askWithout is askThrough while something is gone.
func (s *server) askWithout(gone stranger.Gone, probe *client.Probe, workers int) *stream {
	ctx, cancel := context.WithCancel(s.t.Context())
	out := &stream{counts: map[string]int{}, stop: cancel}
	if probe.Token == "" {
		resource := s.manifest.Spec.Resource
		out.check = func(a *client.Answer) error { return stranger.Check(a, resource, gone) }
	}
	for range workers {
		out.ended.Go(func() {
			for ctx.Err() == nil {
				answer, err := probe.CallTool(ctx, lookupTool, map[string]any{"invoiceId": "INV-2040"})
				if ctx.Err() == nil {
					out.count(answer, err)
				}
				select {
				case <-time.After(askPause):
				case <-ctx.Done():
				}
			}
		})
	}
	s.t.Cleanup(func() { out.close() })
	return out
}

func (s *stream) count(answer *client.Answer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.counts[err.Error()]++
		return
	}
	s.counts[fmt.Sprint(answer.Status)]++
	if s.check == nil {
		return
	}
	if err := s.check(answer); err != nil {
		s.odd = append(s.odd, err.Error())
	}
}

// close ends the stream and returns how often each answer came.
func (s *stream) close() map[string]int {
	s.stop()
	s.ended.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// total is how many answers came so far.
func (s *stream) total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := 0
	for _, n := range s.counts {
		sum += n
	}
	return sum
}

func (s *server) checkOnly(what string, answers *stream, status int) {
	s.t.Helper()
	counts := answers.close()
	s.checkHarmless(what, answers)
	if len(counts) != 1 || counts[fmt.Sprint(status)] == 0 {
		s.t.Errorf("%s: want status %d and nothing else, got %v", what, status, counts)
	}
	s.t.Logf("%s: %v", what, counts)
}

// checkHarmless looks at what somebody without a token was answered, by a stream that
// has ended.
func (s *server) checkHarmless(what string, answers *stream) {
	s.t.Helper()
	if n := len(answers.odd); n > 0 {
		s.t.Errorf("%s: %d answers are not harmless, the first is %s", what, n, answers.odd[0])
	}
}

// checkNothingLost ends the streams of a client with a token and of one without,
// after some more answers.
func (s *server) checkNothingLost(known, unknown *stream) {
	s.t.Helper()
	s.waitMore(known)
	s.checkOnly("a client with a token", known, http.StatusOK)
	s.checkOnly("a client without a token", unknown, http.StatusUnauthorized)
}

func (s *server) waitMore(answers *stream) {
	s.t.Helper()
	enough := answers.total() + 20
	s.wait("some more answers", func(context.Context) (bool, string, error) { return answers.total() > enough, "", nil })
}

// scaleDown leaves one pod.
func (s *server) scaleDown() {
	s.t.Helper()
	s.apply(func(spec *v1alpha1.SecuredMCPServerSpec) { spec.Workload.Replicas = new(int32(1)) })
	s.wait("all pods but one to be gone", func(context.Context) (bool, string, error) {
		n := len(s.podUIDs())
		return n == 1, fmt.Sprintf("%d pods", n), nil
	})
}

func TestNobodySeesThatAPodIsReplacedOrAConfigurationChanged(t *testing.T) {
	t.Parallel()
	s := newServer(t).start()
	known, unknown := s.ask(s.token(readScope), 2), s.ask("", 1)

	pods, err := env.cluster.Pods(t.Context(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	for i := range pods {
		if err := env.cluster.Delete(t.Context(), &pods[i]); err != nil {
			t.Fatal(err)
		}
		s.waitReplaced(pods[i].UID)
	}
	token := s.token(readScope, writeScope)
	original := s.manifest
	s.apply(moveScope)
	s.waitStatus(token, voidTool, http.StatusForbidden)
	s.manifest = original
	s.apply()
	s.waitStatus(token, voidTool, http.StatusOK)
	s.checkNothingLost(known, unknown)
}

// What a cluster does to pods every day loses no request.
func TestNoRequestIsLostWhilePodsMove(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.manifest.Spec.Workload.Replicas = new(int32(3))
	s.start()
	known, unknown := s.ask(s.token(readScope), 2), s.ask("", 1)

	t.Run("a rolling update", func(t *testing.T) {
		s := s.at(t)
		before := s.podUIDs()
		if _, err := env.cluster.Kubectl(t.Context(), "-n", s.namespace, "rollout", "restart", "deployment/"+serverName); err != nil {
			t.Fatal(err)
		}
		for _, uid := range before {
			s.waitReplaced(uid)
		}
	})
	t.Run("a node drain", func(t *testing.T) {
		s := s.at(t)
		pods, err := env.cluster.Pods(t.Context(), s.key)
		if err != nil {
			t.Fatal(err)
		}
		for i := range pods {
			s.evict(&pods[i])
			s.waitReplaced(pods[i].UID)
		}
	})
	t.Run("a scale-down", func(t *testing.T) {
		s := s.at(t)
		s.scaleDown()
	})
	s.checkNothingLost(known, unknown)
}

// evict asks for the pod to go as a drain does, until its budget lets it.
func (s *server) evict(pod *corev1.Pod) {
	s.t.Helper()
	s.wait("the pod's budget to let it go", func(ctx context.Context) (bool, string, error) {
		err := env.cluster.Clientset.PolicyV1().Evictions(pod.Namespace).Evict(ctx, &policyv1.Eviction{
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace},
		})
		if apierrors.IsTooManyRequests(err) {
			return false, err.Error(), nil
		}
		return err == nil, "", err
	})
}

// podUIDs are those of all pods of the namespace, the ones on their way out
// included.
func (s *server) podUIDs() []types.UID {
	s.t.Helper()
	var all corev1.PodList
	if err := env.cluster.List(s.t.Context(), &all, ctrlclient.InNamespace(s.namespace)); err != nil {
		s.t.Fatal(err)
	}
	var uids []types.UID
	for _, p := range all.Items {
		uids = append(uids, p.UID)
	}
	return uids
}

func (s *server) waitReplaced(uid types.UID) {
	s.t.Helper()
	s.wait("the pod to be replaced", func(ctx context.Context) (bool, string, error) {
		var all corev1.PodList
		if err := env.cluster.List(ctx, &all, ctrlclient.InNamespace(s.namespace)); err != nil {
			return false, "", err
		}
		if slices.ContainsFunc(all.Items, func(p corev1.Pod) bool { return p.UID == uid }) {
			return false, "it is on its way out", nil
		}
		if done, why, err := env.cluster.RolledOut(ctx, s.key); !done || err != nil {
			return false, why, err
		}
		return s.routed(ctx, len(s.podUIDs()))
	})
}

// routed tells whether so many pods are in the endpoints of the server: the
// Deployment counts a pod before routes know it, and without the other one there
// would be nobody to send a request to.
func (s *server) routed(ctx context.Context, pods int) (bool, string, error) {
	var endpoints discoveryv1.EndpointSliceList
	if err := env.cluster.List(ctx, &endpoints, ctrlclient.InNamespace(s.namespace), ctrlclient.MatchingLabels{discoveryv1.LabelServiceName: s.key.Name}); err != nil {
		return false, "", err
	}
	ready := 0
	for i := range endpoints.Items {
		for _, e := range endpoints.Items[i].Endpoints {
			if e.Conditions.Ready != nil && *e.Conditions.Ready {
				ready++
			}
		}
	}
	return ready >= pods, fmt.Sprintf("%d of %d pods are in the endpoints", ready, pods), nil
}

// Not parallel: for some seconds no change is made on this cluster.
func TestAnotherOperatorTakesOver(t *testing.T) {
	s := newServer(t).start()
	token := s.token(readScope, writeScope)
	before := leader(t)
	deleteLeader(t)
	s.apply(moveScope)
	s.waitStatus(token, voidTool, http.StatusForbidden)
	if now := leader(t); now == before {
		t.Errorf("the lease is still held by %s", before)
	}
	if err := awaitRollout(t.Context(), cluster.OperatorKey); err != nil {
		t.Error(err)
	}
}

// deleteLeader deletes the pod that holds the lease, and gives it no time to end.
func deleteLeader(t *testing.T) {
	t.Helper()
	pod := leaderPod(t)
	if err := env.cluster.Delete(t.Context(), pod, ctrlclient.GracePeriodSeconds(0)); err != nil {
		t.Fatalf("deleting the leader %s: %v", pod.Name, err)
	}
}

func leaderPod(t *testing.T) *corev1.Pod {
	t.Helper()
	pod := new(corev1.Pod)
	key := ctrlclient.ObjectKey{Namespace: cluster.OperatorNamespace, Name: podOf(leader(t))}
	if err := env.cluster.Get(t.Context(), key, pod); err != nil {
		t.Fatalf("looking for the leader %s: %v", key.Name, err)
	}
	return pod
}

// leader is the holder of the operator's lease.
func leader(t *testing.T) string {
	t.Helper()
	lease := leaseOf(t)
	if lease.HolderIdentity == nil {
		t.Fatal("nobody holds the lease")
	}
	return *lease.HolderIdentity
}

func leaseOf(t *testing.T) coordinationv1.LeaseSpec {
	t.Helper()
	var lease coordinationv1.Lease
	if err := env.cluster.Get(t.Context(), cluster.OperatorKey, &lease); err != nil {
		t.Fatal(err)
	}
	return lease.Spec
}
