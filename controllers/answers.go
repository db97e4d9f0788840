package controllers

import (
	"cmp"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/controllers/internal/configz"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// said is what came of asking a pod.
type said struct {
	configz.Answer
	// unreachable is why there is no answer, "" if there is one.
	unreachable string
}

// answers are what pods said last. They are kept in memory: after a restart the
// pods are asked again. The zero value is ready for use.
type answers struct {
	mu    sync.Mutex
	byPod map[client.ObjectKey]*answer
}

type answer struct {
	uid types.UID
	// round grows when the pod is given something new. What was asked in an
	// earlier round is about what it had before.
	round int
	// known is whether the pod was ever asked, fresh whether in this round.
	known, fresh bool
	said         said
	// given is what the pod was given last, and regiven tells that it was given
	// something else before.
	given   string
	regiven bool
	// attempts counts the answers of this round that were not what was wanted.
	attempts int
	// endingSince is when the pod was first seen to be deleted.
	endingSince time.Time
}

// of returns what p said in this round, and whether it was ever asked.
func (a *answers) of(p *corev1.Pod) (what said, fresh, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.byPod[client.ObjectKeyFromObject(p)]
	if e == nil || e.uid != p.UID {
		return said{}, false, false
	}
	return e.said, e.fresh, e.known
}

// note says what p may have been given before it was seen first. It tells whether it was
// seen now; what it said before that is not believed.
func (a *answers) note(p *corev1.Pod, given string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.entry(p)
	if e.given != "" {
		return false
	}
	e.give(given)
	return true
}

// outdate begins a new round, unless it has begun: p is given something else. It
// tells whether it did.
func (a *answers) outdate(p *corev1.Pod, given string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.entry(p)
	if e.given == given {
		return false
	}
	e.give(given)
	return true
}

// give begins a new round.
func (e *answer) give(given string) {
	e.given, e.regiven = given, e.given != ""
	e.round++
	e.fresh, e.attempts = false, 0
}

// isBehind tells whether p may have something else than it was given last: something
// that it was given before, or that it has said since. What it refuses may be there no
// more. Of one that has not been asked yet nobody knows.
func (a *answers) isBehind(p *corev1.Pod) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.entry(p)
	return e.regiven || e.fresh && (e.said.unreachable != "" || e.said.Refusal != "" || e.said.Revision != revisionOf(e.given))
}

// revisionFor is the revision that p is to enforce: of what it was given last, even
// if it could not be told, or after a restart of what it was told.
func (a *answers) revisionFor(p *corev1.Pod) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return revisionOf(cmp.Or(a.entry(p).given, p.Annotations[desired.AnnotationConfigRevision]))
}

// begin returns the round that an answer asked for now will be of.
func (a *answers) begin(p *corev1.Pod) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.entry(p).round
}

// record keeps what p said, unless a new round has begun since the question.
// news tells whether it is something else than before; attempts is how many
// answers of this round were not what was wanted.
//
// The first answer of a round is news if it is what was wanted, or if it decides
// whether the pod is told: one that was given something else is told anyway.
//
// A pod that enforced what it should and then cannot be asked has a second
// chance: one packet lost by a busy node makes no server unready.
func (a *answers) record(p *corev1.Pod, round int, what said, wanted bool) (news bool, attempts int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.entry(p)
	if e.round != round {
		return false, 0
	}
	if what.unreachable != "" && e.fresh && e.attempts == 0 {
		e.attempts = 1
		return false, e.attempts
	}
	news = !e.known || e.said != what || (!e.fresh && (wanted || !e.regiven))
	e.known, e.fresh, e.said = true, true, what
	e.attempts++
	if wanted {
		e.attempts = 0
	}
	return news, e.attempts
}

// forget drops what is known of the pod of this name, which has gone.
func (a *answers) forget(pod client.ObjectKey) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.byPod, pod)
}

// silence drops what p said, which does not run now. What it was given stays.
func (a *answers) silence(p *corev1.Pod) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.entry(p)
	*e = answer{uid: e.uid, round: e.round + 1, given: e.given, regiven: e.regiven, endingSince: e.endingSince}
}

// ending is for how long p has been known to be deleted. It goes by the clock of this
// process alone: what the API server says of times is by another one.
func (a *answers) ending(p *corev1.Pod) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.entry(p)
	if e.endingSince.IsZero() {
		e.endingSince = time.Now()
	}
	return time.Since(e.endingSince)
}

// entry returns what is known of p, with a.mu held.
func (a *answers) entry(p *corev1.Pod) *answer {
	key := client.ObjectKeyFromObject(p)
	e := a.byPod[key]
	if e == nil || e.uid != p.UID {
		if a.byPod == nil {
			a.byPod = map[client.ObjectKey]*answer{}
		}
		e = &answer{uid: p.UID}
		a.byPod[key] = e
	}
	return e
}
