package controllers

import (
	"cmp"
	"errors"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// readyTypes are the conditions that Ready sums up, in the order in which it
// looks at them. IssuerDiscovered is not one: an identity provider that is down
// must not make servers unready that go on with the keys they have.
var readyTypes = []string{
	v1alpha1.ConditionAccepted, v1alpha1.ConditionAvailable, v1alpha1.ConditionExposed, v1alpha1.ConditionEnforced,
}

// conditionTypes are the conditions of every server, in the order in which people
// read them. Monitored is there only while it is asked for.
var conditionTypes = []string{
	v1alpha1.ConditionAccepted, v1alpha1.ConditionIssuerDiscovered, v1alpha1.ConditionAvailable, v1alpha1.ConditionExposed,
	v1alpha1.ConditionEnforced, v1alpha1.ConditionReady,
}

// isOurs tells whether a condition is the operator's.
func isOurs(condition string) bool {
	return slices.Contains(conditionTypes, condition) || condition == v1alpha1.ConditionMonitored || condition == v1alpha1.ConditionStalled
}

// scope is what one pass knows and decides about one server.
type scope struct {
	// server is as the cache has it and is not changed.
	server *v1alpha1.SecuredMCPServer
	// status becomes the server's status at the end of the pass.
	status v1alpha1.SecuredMCPServerStatus
	// accepted tells whether the spec of server is.
	accepted bool
	// serving is server with the spec that pods serve: that of server if it is
	// accepted, else what was accepted last, nil if nobody knows that.
	// Then nothing is applied, but for the ConfigMap of a spec that pods can be given.
	serving *v1alpha1.SecuredMCPServer
	// children are the objects of serving that the pass applies.
	children []child
	// change is how far the pods are in speaking as serving says.
	change changeover
	// outgoing are those of them that go when another has taken their place.
	outgoing []*child
	// keptSecret is what the Ingress has its certificate from until there is the one
	// that is asked for in its place, "" if there is no such thing.
	keptSecret string
	// refused says by kind of child why the API server did not take it.
	refused map[string]error
	// strange says by kind of child what else has its name, where the server can be
	// served without it.
	strange map[string]string
	// unapplied says by kind of child why applying it fails at the moment.
	unapplied map[string]error
	// undecided are the conditions that this pass could not decide, and failures why.
	undecided map[string]bool
	failures  []error
	// lasting tells that passes have failed for long: people have to know.
	lasting bool
	// wary tells that what the cache does not hold is looked for at the API server,
	// hidden that something was found there, and surprised that it should have been
	// looked for.
	wary, hidden, surprised bool
	// brokenOff tells that the pass ended before its last phase.
	brokenOff bool
	// missing says by kind of a wanted child why the cluster cannot have it.
	missing map[string]string
	// evictedBy is the older server to which evictedFrom belongs, the resource that
	// this one serves. It is nil if there is none, or the spec is accepted.
	evictedBy   *v1alpha1.SecuredMCPServer
	evictedFrom string
	// objection is why the Ingress of what is served was withdrawn by policy.
	objection *objection
	// pods are the server's, by name; foreignPods have its labels and are not.
	pods, foreignPods []corev1.Pod
	// untold are the pods that could not be told of their configuration, and why.
	untold map[types.UID]error
	// rollout is why not every pod is of the newest template, nil if every one is.
	rollout *cause
	// outdated tells that the Deployment does not say yet of which template the pods are.
	outdated bool
	// desiredReplicas is what the Deployment is asked for.
	desiredReplicas int32
	// expected are the conditions that are not True and that time alone is likely
	// to change, with how long to give it.
	expected map[string]time.Duration
	// invalid is set when only an edit of the spec helps.
	invalid error
	// again is when to look again at what no watch reports; 0 is never.
	again time.Duration
}

func newScope(server *v1alpha1.SecuredMCPServer) *scope {
	s := &scope{
		server: server, status: *server.Status.DeepCopy(), refused: map[string]error{}, missing: map[string]string{},
		strange: map[string]string{}, unapplied: map[string]error{}, undecided: map[string]bool{},
		expected: map[string]time.Duration{}, untold: map[types.UID]error{},
	}
	for _, condition := range conditionTypes {
		if meta.FindStatusCondition(s.status.Conditions, condition) == nil {
			s.unknown(condition, v1alpha1.ReasonReconciling, "not observed yet")
		}
	}
	s.expectMonitoring()
	return s
}

// judged is the server whose spec the children are judged by: what is asked for, while
// nothing serves.
func (s *scope) judged() *v1alpha1.SecuredMCPServer { return cmp.Or(s.serving, s.server) }

func (s *scope) yes(condition, reason, message string) {
	s.set(condition, metav1.ConditionTrue, reason, message)
}

func (s *scope) no(condition, reason, message string) {
	s.set(condition, metav1.ConditionFalse, reason, message)
}

func (s *scope) unknown(condition, reason, message string) {
	s.set(condition, metav1.ConditionUnknown, reason, message)
}

func (s *scope) set(condition string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&s.status.Conditions, metav1.Condition{
		Type:               condition,
		Status:             status,
		Reason:             reason,
		Message:            bounded(message),
		ObservedGeneration: s.server.Generation,
	})
}

// add has the message of a condition say one thing more.
func (s *scope) add(condition, message string) {
	c := meta.FindStatusCondition(s.status.Conditions, condition)
	s.set(condition, c.Status, c.Reason, c.Message+"; "+message)
}

// soonest has the server looked at again after d, or sooner if somebody asks for
// that.
func (s *scope) soonest(d time.Duration) {
	if s.again == 0 || d < s.again {
		s.again = d
	}
}

// expect says that condition, which is not True, is likely to change within most.
func (s *scope) expect(condition string, most time.Duration) { s.expected[condition] = most }

// worthWaiting is how long to wait, at most, before the status is written: what
// is expected then comes with the same write, Ready does not go away and come back
// with every edit, and what makes a server ready is told of together. It is 0 if
// nothing is expected, if there is other news, or if there is no status yet.
func (s *scope) worthWaiting() time.Duration {
	if s.server.Status.Conditions == nil {
		return 0
	}
	var most time.Duration
	ready := true
	for _, condition := range readyTypes {
		c := meta.FindStatusCondition(s.status.Conditions, condition)
		if c.Status == metav1.ConditionTrue {
			continue
		}
		ready = false
		patience, expected := s.expected[condition]
		if !expected && !s.said(c) {
			return 0
		}
		most = max(most, patience)
	}
	if !ready && s.improving() {
		most = max(most, propagationPatience)
	}
	return most
}

// improving tells that the server has come closer to being ready since the status
// was written: what is missing is likely to follow soon.
func (s *scope) improving() bool {
	if before, now := s.server.Status.Replicas, s.status.Replicas; now != nil && now.Ready > 0 && (before == nil || now.Ready > before.Ready) {
		return true
	}
	later := []string{v1alpha1.ConditionAvailable, v1alpha1.ConditionExposed, v1alpha1.ConditionEnforced}
	return slices.ContainsFunc(later, func(condition string) bool {
		return meta.IsStatusConditionTrue(s.status.Conditions, condition) && !meta.IsStatusConditionTrue(s.server.Status.Conditions, condition)
	})
}

// said tells whether the status has said c before, be it of an older spec.
func (s *scope) said(c *metav1.Condition) bool {
	before := meta.FindStatusCondition(s.server.Status.Conditions, c.Type)
	return before != nil && before.Status == c.Status && before.Reason == c.Reason && before.Message == c.Message
}

// leave has a condition stay as earlier passes decided it.
func (s *scope) leave(condition string, err error) {
	s.undecided[condition] = true
	s.failures = append(s.failures, err)
}

// finish decides Ready after a pass that decided every condition.
func (s *scope) finish() {
	s.status.ObservedGeneration = s.server.Generation
	s.sumUp()
}

// sumUp has Ready say what the other conditions come to, and of which generation.
func (s *scope) sumUp() {
	ready := metav1.Condition{
		Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady,
		Message: "the spec is accepted, and the server is available, exposed and enforced", ObservedGeneration: s.server.Generation,
	}
	for _, condition := range readyTypes {
		c := meta.FindStatusCondition(s.status.Conditions, condition)
		if c.Status != metav1.ConditionTrue {
			ready = *c
			break
		}
		ready.ObservedGeneration = min(ready.ObservedGeneration, c.ObservedGeneration)
	}
	ready.Type, ready.LastTransitionTime = v1alpha1.ConditionReady, metav1.Time{}
	meta.SetStatusCondition(&s.status.Conditions, ready)
	s.stall()
}

// stumble ends a pass that could not decide every condition. What earlier passes
// decided stays for a while, and the status stays one about the spec of then: an
// API server that has a bad moment makes no server less ready. When it lasts, and
// in conditions that no pass could decide so far, the status says why.
func (s *scope) stumble(err error) {
	for i := range s.status.Conditions {
		c := &s.status.Conditions[i]
		if isOurs(c.Type) && (c.Reason == v1alpha1.ReasonReconciling || s.lasting && s.undecided[c.Type]) {
			s.unknown(c.Type, v1alpha1.ReasonReconciling, "trying again after: "+err.Error())
		}
	}
	if s.lasting && !s.brokenOff {
		s.finish()
		return
	}
	s.keepServed()
	s.sumUp()
}

// keepServed leaves the status at what was served while Enforced is of then: of what the
// pods have been given since, nobody has decided whether they enforce it.
func (s *scope) keepServed() {
	if !s.undecided[v1alpha1.ConditionEnforced] || !meta.IsStatusConditionTrue(s.status.Conditions, v1alpha1.ConditionEnforced) {
		return
	}
	before := &s.server.Status
	s.status.Revision, s.status.URL = before.Revision, before.URL
	s.status.ResourceMetadataURL, s.status.Tools = before.ResourceMetadataURL, before.Tools
}

// result tells the queue what helps: an edit (terminal), time, or trying again.
func (s *scope) result(errs ...error) (reconcile.Result, error) {
	if err := errors.Join(errs...); err != nil {
		return reconcile.Result{}, err
	}
	if s.invalid != nil && s.again == 0 { // else the pods that there are wait for something
		return reconcile.Result{}, reconcile.TerminalError(s.invalid)
	}
	return reconcile.Result{RequeueAfter: s.again}, nil
}

// maxMessage is far below what the API allows: messages are for people.
const maxMessage = 2048

// bounded cuts what others wrote, such as an API server's list of complaints.
func bounded(message string) string {
	if runes := []rune(message); len(runes) > maxMessage {
		return string(runes[:maxMessage-1]) + "…"
	}
	return message
}
