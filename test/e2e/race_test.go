//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	configv1alpha1 "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/cluster"
)

const (
	racers = 3
	// editEvery is how often the spec changes while operators come and go.
	editEvery = time.Second
	// deleteEvery is after how many edits somebody deletes a child, too.
	deleteEvery = 3
	// enforceLimit is from when an operator leads to when every replica enforces the
	// newest edit: its caches have to fill first, and this machine has other work.
	enforceLimit = 15 * time.Second
)

// None of these is parallel: for most of their time no operator works.

// Whoever is killed, the next one goes on from the newest edit.
func TestOperatorsRaceForTheLease(t *testing.T) {
	r := newRace(t)
	for _, kill := range []func(){
		func() { deleteLeader(t) },
		func() { r.killLeader() },
		func() { deleteLeader(t) },
	} {
		before := leader(t)
		r.edit() // is being worked on when the leader ends
		kill()
		r.takeover(before)
		r.checkEnforcedSoon()
	}
	r.finish()
}

// A leader that was frozen has an old policy in its hands, and goes on as if no time
// had passed while another one leads.
func TestALeaderThatWakesUpBringsNothingBack(t *testing.T) {
	r := newRace(t)
	old, before := leaderPod(t), leader(t)
	r.edit()
	r.freeze(old)
	r.takeover(before)
	log := r.follow(old)
	r.wake(old)
	r.checkEnds(old, log)
	r.checkEnforcedSoon()
	r.finish()
}

// As above, but nobody leads, and all want to.
func TestOperatorsThatWakeUpTogetherRaceForTheLease(t *testing.T) {
	r := newRace(t)
	old, before := leaderPod(t), leader(t)
	all, err := env.cluster.Pods(t.Context(), cluster.OperatorKey)
	if err != nil {
		t.Fatal(err)
	}
	r.edit()
	for i := range all {
		r.freeze(&all[i])
	}
	r.until("the lease to run out", func(context.Context) (bool, string, error) {
		lease := leaseOf(t)
		left := time.Until(lease.RenewTime.Add(time.Duration(*lease.LeaseDurationSeconds) * time.Second))
		return left < 0, fmt.Sprintf("%s are left", left), nil
	})
	log := r.follow(old)
	for i := range all {
		r.wake(&all[i])
	}
	r.takeover(before)
	r.checkEnds(old, log)
	r.checkEnforcedSoon()
	r.finish()
}

// race is a server that is edited all the time, and asked all the time, while
// operators come and go.
type race struct {
	*server
	*edits
	known, unknown   *stream
	policy, observed *numbers
	// led is when the operator that leads now was first seen to.
	led time.Time
}

// edits are numbered.
type edits struct {
	// original is the spec of even numbers.
	original v1alpha1.SecuredMCPServerSpec
	made     int
	last     time.Time
}

func newRace(t *testing.T) *race {
	t.Helper()
	restartOperators(t)
	runOperators(t, racers)
	s := newServer(t).start()
	r := &race{server: s, edits: &edits{original: s.server().Spec}}
	r.known, r.unknown = s.ask(s.token(readScope), 2), s.ask("", 1)
	r.policy = s.watchNumbers(new(corev1.ConfigMapList), r.editOf)
	r.observed = s.watchNumbers(new(v1alpha1.SecuredMCPServerList), func(o runtime.Object) (int, error) {
		return int(o.(*v1alpha1.SecuredMCPServer).Status.ObservedGeneration), nil
	})
	return r
}

// runOperators has so many operators run until the test ends.
func runOperators(t *testing.T, replicas int) {
	t.Helper()
	t.Cleanup(func() {
		if err := installChart(context.Background()); err != nil {
			t.Errorf("installing the operator as it was: %v", err)
		}
	})
	if err := installChart(t.Context(), "--set", fmt.Sprintf("replicas=%d", replicas)); err != nil {
		t.Fatal(err)
	}
}

// editTitle is what an edit has the server called, so that what is made of it shows
// which one it is of.
const editTitle = "edit %d"

// edit changes the spec: odd edits take void_invoice away from who has writeScope, even
// ones give it back.
func (r *race) edit() {
	r.t.Helper()
	r.made++
	before := r.server.server()
	next := before.DeepCopy()
	next.Spec = *r.original.DeepCopy()
	next.Spec.Title = fmt.Sprintf(editTitle, r.made)
	if r.made%2 == 1 {
		moveScope(&next.Spec)
	}
	if err := env.cluster.Patch(r.t.Context(), next, ctrlclient.MergeFrom(before)); err != nil {
		r.t.Fatalf("making edit %d: %v", r.made, err)
	}
	r.last = time.Now()
	if r.made%deleteEvery == 0 {
		r.deleteChild(r.made / deleteEvery)
	}
}

// editOf is the number of the edit that a ConfigMap was made of, 0 before the first.
func (e *edits) editOf(o runtime.Object) (number int, err error) {
	config, err := configv1alpha1.Decode([]byte(o.(*corev1.ConfigMap).Data["config.json"]))
	if err != nil || config.Title == e.original.Title {
		return 0, err
	}
	_, err = fmt.Sscanf(config.Title, editTitle, &number)
	return number, err
}

// deleteChild deletes one of the children that clients do without for a while.
func (r *race) deleteChild(n int) {
	r.t.Helper()
	children := []ctrlclient.Object{new(corev1.ConfigMap), new(networkingv1.NetworkPolicy), new(policyv1.PodDisruptionBudget), new(corev1.ServiceAccount)}
	child := children[n%len(children)]
	child.SetNamespace(r.key.Namespace)
	child.SetName(r.key.Name)
	if err := env.cluster.Delete(r.t.Context(), child); ctrlclient.IgnoreNotFound(err) != nil {
		r.t.Fatalf("deleting %T: %v", child, err)
	}
}

// until waits, and makes edits meanwhile.
func (r *race) until(what string, poll func(context.Context) (bool, string, error)) {
	r.t.Helper()
	r.wait(what, func(ctx context.Context) (bool, string, error) {
		done, state, err := poll(ctx)
		if !done && err == nil && time.Since(r.last) > editEvery {
			r.edit()
		}
		return done, state, err
	})
}

func (r *race) takeover(before string) {
	r.t.Helper()
	r.until("another operator to lead", func(context.Context) (bool, string, error) {
		now := leader(r.t)
		r.led = time.Now()
		return now != before && now != "", "it is " + now, nil
	})
}

func (r *race) freeze(pod *corev1.Pod) {
	r.t.Helper()
	if err := env.cluster.Freeze(pod); err != nil {
		r.t.Fatalf("freezing %s: %v", pod.Name, err)
	}
	r.t.Cleanup(func() { _ = env.cluster.Wake(pod) }) // it may have ended by then
}

func (r *race) wake(pod *corev1.Pod) {
	r.t.Helper()
	if err := env.cluster.Wake(pod); err != nil {
		r.t.Fatalf("waking %s: %v", pod.Name, err)
	}
}

// containerLog is what a container wrote, read to its end.
type containerLog struct {
	lines []byte
	err   error
}

// follow reads what the pod's container writes from now on, until it ends. Who asks for
// it only then may come too late: a container that has ended is the kubelet's to remove.
func (r *race) follow(pod *corev1.Pod) <-chan containerLog {
	r.t.Helper()
	stream, err := env.cluster.Clientset.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
		Follow: true, SinceTime: &metav1.Time{Time: time.Now()},
	}).Stream(r.t.Context())
	if err != nil {
		r.t.Fatalf("following the log of %s: %v", pod.Name, err)
	}
	read := make(chan containerLog, 1)
	var ended sync.WaitGroup
	ended.Go(func() {
		lines, err := io.ReadAll(stream)
		read <- containerLog{lines, err}
	})
	r.t.Cleanup(func() { _ = stream.Close(); ended.Wait() })
	return read
}

// checkEnds waits until the program that a pod had has ended, and another is in its
// place: it must find out that it leads no more, and write nothing until it does.
func (r *race) checkEnds(pod *corev1.Pod, followed <-chan containerLog) {
	r.t.Helper()
	before := pod.Status.ContainerStatuses[0].ContainerID
	r.until("the leader of before to end", func(ctx context.Context) (bool, string, error) {
		now := new(corev1.Pod)
		if err := env.cluster.Get(ctx, ctrlclient.ObjectKeyFromObject(pod), now); err != nil {
			return false, "", err
		}
		status := now.Status.ContainerStatuses[0]
		return status.ContainerID != before && status.State.Running != nil, fmt.Sprintf("%s is %v", pod.Name, status.State), nil
	})
	var log containerLog
	r.until("the end of its log", func(context.Context) (bool, string, error) {
		select {
		case log = <-followed:
			return true, "", log.err
		default:
			return false, "there may be more", nil
		}
	})
	said := func(what string) int { return bytes.Count(log.lines, []byte(what)) }
	if said("leader election lost") == 0 {
		r.t.Errorf("the leader of before did not end for want of its lease:\n%s", log.lines)
	}
	// One write may have been out when it was frozen: a worker sends one at a time.
	if n := said(`"msg":"applied"`) + said(`"msg":"deleted"`); n > 1 {
		r.t.Errorf("the leader of before wrote %d times after it woke up, want one that was out already at most:\n%s", n, log.lines)
	}
	r.t.Logf("the leader of before was kept from %d writes", said("the lease has run out"))
}

// checkEnforcedSoon waits until every replica enforces the newest edit.
func (r *race) checkEnforcedSoon() {
	r.t.Helper()
	status := http.StatusOK
	if r.made%2 == 1 {
		status = http.StatusForbidden
	}
	since := r.led
	if since.Before(r.last) {
		since = r.last
	}
	r.waitStatus(r.token(readScope, writeScope), voidTool, status)
	r.checkEnforced()
	took := time.Since(since)
	r.t.Logf("edit %d is enforced %s after it could be", r.made, took.Round(time.Millisecond))
	if took > enforceLimit {
		r.t.Errorf("edit %d is enforced %s after an operator led and the edit was made, want at most %s", r.made, took, enforceLimit)
	}
}

// finish ends the race, and looks back at it.
func (r *race) finish() {
	r.t.Helper()
	if err := installChart(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.checkEnforced()
	r.checkRest()
	r.checkNumbers("the edit that the ConfigMap is of", r.policy, r.made)
	r.checkNumbers("the observed generation", r.observed, int(r.server.server().Generation))
	r.checkNothingLost(r.known, r.unknown)
}

// checkRest has the operator look at all children once more, which it shows by making
// one that is missing, and write none of the others.
func (r *race) checkRest() {
	r.t.Helper()
	const missing = "PodDisruptionBudget"
	before := r.versions()
	r.replaced(missing)
	after := r.versions()
	delete(before, missing)
	delete(after, missing)
	if diff := cmp.Diff(before, after); diff != "" {
		r.t.Errorf("resourceVersion of children at rest (-before +after):\n%s", diff)
	}
}

// numbers are what the versions of an object show, as they came. An older one after a
// newer one is something that was brought back.
type numbers struct {
	mu   sync.Mutex
	seen []int
	errs []error
}

// watchNumbers watches the object of the server's name.
func (s *server) watchNumbers(list ctrlclient.ObjectList, number func(runtime.Object) (int, error)) *numbers {
	s.t.Helper()
	c, err := ctrlclient.NewWithWatch(env.cluster.REST, ctrlclient.Options{Scheme: env.cluster.Scheme()})
	if err != nil {
		s.t.Fatal(err)
	}
	w, err := c.Watch(s.t.Context(), list, ctrlclient.InNamespace(s.namespace), ctrlclient.MatchingFields{"metadata.name": serverName})
	if err != nil {
		s.t.Fatalf("watching %T: %v", list, err)
	}
	n := new(numbers)
	var ended sync.WaitGroup
	ended.Go(func() {
		for event := range w.ResultChan() {
			n.add(event, number)
		}
	})
	s.t.Cleanup(func() { w.Stop(); ended.Wait() })
	return n
}

func (n *numbers) add(event watch.Event, number func(runtime.Object) (int, error)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch event.Type {
	case watch.Added, watch.Modified:
		seen, err := number(event.Object)
		if err != nil {
			n.errs = append(n.errs, err)
			return
		}
		n.seen = append(n.seen, seen)
	case watch.Error:
		n.errs = append(n.errs, fmt.Errorf("watching: %v", event.Object))
	}
}

func (n *numbers) soFar() ([]int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.seen), errors.Join(n.errs...)
}

// checkNumbers looks at what was seen up to the last number.
func (s *server) checkNumbers(what string, n *numbers, last int) {
	s.t.Helper()
	var seen []int
	s.wait(fmt.Sprintf("%s to be %d in the end", what, last), func(context.Context) (bool, string, error) {
		var err error
		seen, err = n.soFar()
		return len(seen) > 0 && seen[len(seen)-1] == last, fmt.Sprintf("it was %v", seen), err
	})
	if !slices.IsSorted(seen) {
		s.t.Errorf("%s went back: %v", what, seen)
	}
	s.t.Logf("%s, as it came: %v", what, seen)
}
