package controllers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// withPods makes a ready server and returns what runs in its two pods.
func (w *world) withPods() (s *v1alpha1.SecuredMCPServer, one, two *fakeRuntime) {
	w.t.Helper()
	s = w.server("a")
	w.create(s)
	w.settle(s)
	w.makeAvailable(s)
	w.makeExposed(s)
	_, one = w.runningPod(s, "1")
	_, two = w.runningPod(s, "2")
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	w.writes.take()
	return s, one, two
}

func (w *world) wantReplicas(s *v1alpha1.SecuredMCPServer, desired, ready, enforcing int32) {
	w.t.Helper()
	want := &v1alpha1.ReplicaCounts{Desired: desired, Ready: ready, Enforcing: enforcing}
	if diff := gocmp.Diff(want, s.Status.Replicas); diff != "" {
		w.t.Errorf("replicas (-want +got):\n%s", diff)
	}
}

func (w *world) wantMessage(s *v1alpha1.SecuredMCPServer, condition, want string) {
	w.t.Helper()
	if got := message(s, condition); got != want {
		w.t.Errorf("message %q, want %q", got, want)
	}
}

func TestEnforcedIsWhatEveryReadyPodSays(t *testing.T) {
	const refusal = "spec.tools[1].inputSchema: unknown keyword"
	tests := map[string]struct {
		// changed is what the second pod does about an edit, from its address and what
		// it enforced before.
		changed         func(r *fakeRuntime, before string)
		enforcing       int32
		condition, says string
	}{
		"all enforce it":          {func(*fakeRuntime, string) {}, 2, "True Enforced", "2 of 2 serving replicas enforce revision NEW"},
		"one has the one before":  {(*fakeRuntime).hold, 1, "False Propagating", "1 of 2 serving replicas enforce revision NEW: pod a-2 enforces revision OLD"},
		"one has none":            {func(r *fakeRuntime, _ string) { r.hold("") }, 1, "False Propagating", "1 of 2 serving replicas enforce revision NEW: pod a-2 enforces revision none"},
		"one refuses it":          {func(r *fakeRuntime, old string) { r.refuse(old, refusal) }, 1, "False ConfigRefused", "1 of 2 serving replicas enforce revision NEW: pod a-2 refuses what it is given: " + refusal},
		"one hangs up":            {func(r *fakeRuntime, _ string) { r.say(nil) }, 1, "False PodUnreachable", "1 of 2 serving replicas enforce revision NEW: pod a-2 cannot be asked at ADDRESS: EOF"},
		"one is not there at all": {func(r *fakeRuntime, _ string) { r.Close() }, 1, "False PodUnreachable", "1 of 2 serving replicas enforce revision NEW: pod a-2 cannot be asked at ADDRESS: connect: connection refused"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s, _, two := w.withPods()
			before := s.Status.Revision
			test.changed(two, before)
			w.update(s, func() { s.Spec.RequiredScopes = nil })
			w.settle(s)
			w.wantReplicas(s, 2, 2, test.enforcing)
			if got := conditions(s)["Enforced"]; got != test.condition {
				t.Errorf("Enforced is %s, want %s", got, test.condition)
			}
			pod := &corev1.Pod{}
			pod.Name, pod.Namespace = "a-2", s.Namespace
			w.read(pod)
			w.wantMessage(s, "Enforced", strings.NewReplacer("NEW", s.Status.Revision, "OLD", before, "ADDRESS", pod.Status.PodIP+":9090").Replace(test.says))
			w.writes.take()
			w.settle(s)
			w.wantWrites()
		})
	}
}

// A revision that a runtime enforces while it refuses another is not the last
// word: what it refuses may be a certificate that the configuration names.
func TestRefusalBesideTheRightRevisionIsNotEnforced(t *testing.T) {
	w := newWorld(t)
	s, one, _ := w.withPods()
	one.refuse(s.Status.Revision, "the CA bundle has no PEM certificate")
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "False ConfigRefused", "False ConfigRefused")
	w.wantMessage(s, "Ready", "1 of 2 serving replicas enforce revision "+s.Status.Revision+": pod a-1 refuses what it is given: the CA bundle has no PEM certificate")
}

// running is the status of a pod whose runtime runs; ready since it started or not
// at all.
func running(ip string, readySince time.Duration) corev1.PodStatus {
	status, started := readyPod(ip), time.Now().Add(-time.Hour)
	status.Conditions[0].LastTransitionTime = metav1.NewTime(started.Add(readySince))
	status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "runtime", Image: "x", ImageID: "x", Ready: true,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(started)}},
	}}
	return status
}

// Whoever has a connection to a pod keeps it when the pod is deleted, fails its
// probe, or disappears with its node from everybody else's sight.
func TestPodsCountUntilTheirRuntimeHasEnded(t *testing.T) {
	unready := func(status *corev1.PodStatus) { status.Conditions[0].Status = corev1.ConditionFalse }
	tests := map[string]struct {
		status func(*corev1.PodStatus)
		ends   bool
		counts bool
	}{
		"ready":                            {func(*corev1.PodStatus) {}, false, true},
		"being deleted":                    {func(*corev1.PodStatus) {}, true, true},
		"being deleted, and unready by it": {func(s *corev1.PodStatus) { unready(s); s.ContainerStatuses[0].Ready = false }, true, true},
		"on a node that is cut off":        {unready, false, true},
		"unready by its own account": {func(s *corev1.PodStatus) {
			unready(s)
			s.ContainerStatuses[0].Ready = false
		}, false, true},
		"never ready": {func(s *corev1.PodStatus) {
			unready(s)
			s.ContainerStatuses[0].Ready = false
			s.Conditions[0].LastTransitionTime = metav1.NewTime(s.ContainerStatuses[0].State.Running.StartedAt.Add(-time.Second))
		}, false, false},
		"ended": {func(s *corev1.PodStatus) {
			unready(s)
			s.ContainerStatuses[0].Ready = false
			s.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ContainerID: "x"}}
		}, true, false},
		"of a failed pod": {func(s *corev1.PodStatus) { s.Phase = corev1.PodFailed }, false, false},
	}
	w := newWorld(t)
	s, _, _ := w.withPods()
	n := 0
	for name, test := range tests {
		n++
		suffix := fmt.Sprint("x", n)
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			p, r := w.runningPod(s, suffix)
			status := running(p.Status.PodIP, time.Second)
			status.Phase = corev1.PodRunning
			test.status(&status)
			w.updateStatus(p, func() { p.Status = status })
			w.settle(s)
			if test.ends {
				w.ends(p)
			}
			r.hold("0000")
			w.update(s, func() { s.Spec.Title = name })
			w.settle(s)
			w.settle(s)
			if test.counts {
				w.wantReplicas(s, 2, 3, 2)
				w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "False Propagating", "False Propagating")
			} else {
				w.wantReplicas(s, 2, 2, 2)
				w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
			}
			w.read(p)
			if test.counts {
				w.wantTold(s, p)
			}
			w.update(p, func() { p.Finalizers = nil })
			if w.exists(p) {
				w.delete(p)
			}
		})
	}
}

func TestPodsOfAnOlderReplicaSetCount(t *testing.T) {
	w := newWorld(t)
	s, _, _ := w.withPods()
	old, r := w.runningPod(s, "old")
	r.hold("0000")
	w.update(old, func() { ofReplicaSet(s, old, "before") })
	w.settle(s)
	w.wantReplicas(s, 2, 3, 2)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "False Propagating", "False Propagating")
}

// A pod that ends takes its listener along before anybody says that it has ended.
func TestSilenceOfAPodThatEndsIsNoNews(t *testing.T) {
	w := newWorld(t)
	s, _, _ := w.withPods()
	p, r := w.runningPod(s, "3")
	w.settle(s)
	w.ends(p)
	r.Close()
	for range 3 {
		if again := w.ask(s)["a-3"]; again > 2*time.Second {
			t.Errorf("asks again after %s, want soon: it may have ended", again)
		}
		w.settlePass(s)
	}
	w.wantReplicas(s, 2, 3, 3)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
}

// Whoever may create pods can put one behind the Service. It may even say that it
// enforces what it should.
func TestAPodThatIsNotOfTheDeploymentIsReported(t *testing.T) {
	w := newWorld(t)
	s, _, _ := w.withPods()
	p, _ := w.runningPod(s, "foreign")
	w.update(p, func() { p.OwnerReferences = nil })
	w.settle(s)
	w.wantReplicas(s, 2, 2, 2)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "False ForeignPod", "False ForeignPod")
	w.wantMessage(s, "Ready", "pod a-foreign has the labels of this server's pods and is not of its Deployment: it gets requests, and nobody knows what it enforces")
	w.delete(p)
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
}

func TestAddressThatIsNoPodsIsNotAsked(t *testing.T) {
	w := newWorld(t)
	s, _, _ := w.withPods()
	for suffix, ip := range map[string]string{
		"v4": "169.254.169.254", "v6": "fe80::1", "all": "0.0.0.0", "many": "ff02::1", "self4": "127.0.0.1", "self6": "::1",
	} {
		w.pod(s, suffix, readyPod(ip))
	}
	w.settle(s)
	w.wantReplicas(s, 2, 8, 2)
	if got := message(s, "Enforced"); strings.Count(got, ": no pod has such an address") != 5 || !strings.HasSuffix(got, "; and 1 more") {
		t.Errorf("message %q, want six pods whose address is no pod's", got)
	}
}

func TestManyDoubtsAreCounted(t *testing.T) {
	w := newWorld(t)
	s, _, _ := w.withPods()
	for i := range 7 {
		_, r := w.runningPod(s, fmt.Sprint("x", i))
		r.hold("0000")
	}
	w.settle(s)
	w.wantReplicas(s, 2, 9, 2)
	if got := message(s, "Enforced"); !strings.HasSuffix(got, "pod a-x4 enforces revision 0000; and 2 more") || strings.Contains(got, "a-x5") {
		t.Errorf("message %q, want five pods and a number", got)
	}
}

// One lost packet makes no server unready.
func TestSilencePodHasASecondChance(t *testing.T) {
	w := newWorld(t)
	s, one, _ := w.withPods()
	one.say(nil)
	if again := w.ask(s)["a-1"]; again > time.Second {
		t.Errorf("asks again after %s, want soon", again)
	}
	w.settlePass(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	w.ask(s)
	w.settlePass(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "False PodUnreachable", "False PodUnreachable")

	one.say(w.obedient(s))
	w.settle(s)
	w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
}

// settlePass runs one pass that must not fail.
func (w *world) settlePass(s *v1alpha1.SecuredMCPServer) time.Duration {
	w.t.Helper()
	result, err := w.pass(s)
	if err != nil {
		w.t.Fatal(err)
	}
	w.checkWritten(s)
	return result.RequeueAfter
}

// impatientPass is settlePass after the status has waited for long.
func (w *world) impatientPass(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	w.reconciler.LosePatience(client.ObjectKeyFromObject(s))
	w.settlePass(s)
}

// startsWithOnePod creates a server, one of whose two pods is ready and has been
// asked.
func (w *world) startsWithOnePod() *v1alpha1.SecuredMCPServer {
	w.t.Helper()
	s := w.server("a")
	w.create(s)
	w.settle(s)
	w.runningPod(s, "1")
	w.settlePass(s)
	w.ask(s)
	w.writes.take()
	return s
}

func TestStatusWaitsForThePodsAndIsWrittenOnce(t *testing.T) {
	w := newWorld(t)
	s, one, _ := w.withPods()
	before := s.Status.DeepCopy()
	one.hold(s.Status.Revision)
	w.update(s, func() { s.Spec.RequiredScopes = nil })

	again := w.settlePass(s)
	w.wantWrites("PATCH configmaps/a", "PATCH pods/a-1", "PATCH pods/a-2")
	if diff := gocmp.Diff(before, &s.Status); diff != "" {
		t.Errorf("status (-before +while the pods get it):\n%s", diff)
	}
	if again <= 0 || again > 3*time.Second {
		t.Errorf("looks again after %s, want at most 3 s", again)
	}
	w.ask(s)
	w.settlePass(s)
	w.wantWrites()

	t.Run("when they enforce it", func(t *testing.T) {
		w := w.in(t)
		one.say(w.obedient(s))
		w.ask(s)
		w.settlePass(s)
		w.wantWrites("PATCH securedmcpservers/a/status")
		w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
		checkLaws(t, s)
	})
	t.Run("or when it has waited long enough", func(t *testing.T) {
		w := w.in(t)
		one.hold(s.Status.Revision)
		w.update(s, func() { s.Spec.Title = "another" })
		w.settlePass(s)
		w.ask(s)
		w.writes.take()
		w.impatientPass(s)
		w.wantWrites("PATCH securedmcpservers/a/status")
		w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "False Propagating", "False Propagating")
		checkLaws(t, s)
	})
}

// Each replica and each condition for itself would be a write.
func TestStatusTellsTogetherOfWhatMakesAServerReady(t *testing.T) {
	w := newWorld(t)
	s := w.startsWithOnePod()
	if again := w.settlePass(s); again <= 0 || again > 3*time.Second {
		t.Errorf("looks again after %s, want at most 3 s", again)
	}
	w.wantWrites()

	t.Run("together", func(t *testing.T) {
		w := w.in(t)
		w.runningPod(s, "2")
		w.makeAvailable(s)
		w.makeExposed(s)
		w.settle(s)
		w.wantWrites("PATCH securedmcpservers/a/status")
		w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "True Enforced", "True Ready")
	})
	t.Run("or when it has waited long enough", func(t *testing.T) {
		w := newWorld(t)
		s := w.startsWithOnePod()
		w.impatientPass(s)
		w.wantWrites("PATCH securedmcpservers/a/status")
		w.wantReplicas(s, 2, 1, 1)
		checkLaws(t, s)
	})
}

func TestStatusDoesNotWaitWhenThereIsOtherNews(t *testing.T) {
	w := newWorld(t)
	s, _, _ := w.withPods()
	w.update(s, func() { s.Spec.RequiredScopes = nil })
	w.makeUnavailable(s)
	w.settlePass(s)
	w.wantConditions(s, "True Accepted", "False Progressing", "True Exposed", "False Propagating", "False Progressing")
	checkLaws(t, s)
}

// The pods enforced this very revision once, and another one since.
func TestAnswerOfAnEarlierTimeIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	s, _, _ := w.withPods()
	first := s.Status.Revision
	for _, title := range []string{"another", "Billing Tools"} {
		w.update(s, func() { s.Spec.Title = title })
		w.settlePass(s)
	}
	w.impatientPass(s)
	if s.Status.Revision != first {
		t.Fatalf("revision %s, want %s again", s.Status.Revision, first)
	}
	w.wantReplicas(s, 2, 2, 0)
	w.wantMessage(s, "Enforced", "0 of 2 serving replicas enforce revision "+first+": pod a-1 has not been asked since it was given that; pod a-2 has not been asked since it was given that")
	w.settle(s)
	w.wantReplicas(s, 2, 2, 2)
}

func TestRestartedOperatorWritesNothingUntilItHasAsked(t *testing.T) {
	w := newWorld(t)
	s, _, _ := w.withPods()
	w.stop()
	w.operator = startOperator(t, w.network)
	if again := w.settlePass(s); again <= 0 || again > 30*time.Second {
		t.Errorf("looks again after %s, want at most 30 s", again)
	}
	w.wantWrites()

	t.Run("and says so when it does not come to ask", func(t *testing.T) {
		w := w.in(t)
		w.impatientPass(s)
		w.wantConditions(s, "True Accepted", "True Available", "True Exposed", "Unknown NotAsked", "Unknown NotAsked")
		w.wantMessage(s, "Enforced", "0 of 2 serving replicas enforce revision "+s.Status.Revision+": pod a-1 has not been asked yet; pod a-2 has not been asked yet")
	})
}

func TestPodsAreAskedAgainSoonOrLate(t *testing.T) {
	w := newWorld(t)
	s, one, two := w.withPods()
	two.hold("0000")
	again := w.ask(s)
	if pause := again["a-1"]; pause < 5*time.Minute || pause > 7*time.Minute {
		t.Errorf("asks a pod at rest again after %s, want 5 to 6.5 minutes", pause)
	}
	before := again["a-2"]
	for range 3 {
		now := w.ask(s)["a-2"]
		if now < before*5/4 {
			t.Errorf("asks a pod that lags again after %s, then after %s; want the pause to grow", before, now)
		}
		before = now
	}
	one.Close()
	for range 30 {
		again = w.ask(s)
	}
	if pause := again["a-1"]; pause < 5*time.Minute || pause > 7*time.Minute {
		t.Errorf("asks a pod that cannot be reached again after %s, want 5 to 6.5 minutes", pause)
	}
	if pause := again["a-2"]; pause < 30*time.Second || pause > 40*time.Second {
		t.Errorf("asks a pod that lags again after %s, want 30 to 39 s", pause)
	}
	w.update(s, func() { s.Spec.Title = "another" })
	w.settlePass(s)
	if pause := w.ask(s)["a-2"]; pause > time.Second {
		t.Errorf("asks a pod that was just given something again after %s, want soon", pause)
	}
}
