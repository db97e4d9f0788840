package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/securedmcp/operator/controllers/internal/issuerprobe"
)

const (
	// probesAtOnce bounds the questions to issuers that are under way.
	probesAtOnce = 16
	// bundlePause is how often to look for a CA bundle that is not there.
	bundlePause = 15 * time.Second
)

// Prober asks issuers what pods and clients need of them, and wakes the
// Reconciler when there is something new. It is a controller of its own, whose
// requests are questions and not objects, so that issuers that do not answer keep
// no server waiting, and a thousand servers of one issuer ask it once.
type Prober struct {
	// live reads CA bundles, which the cache does not hold.
	live    client.Reader
	client  *issuerprobe.Client
	issuers issuers
	probes  probes
	news    bell
}

// NewProber returns a Prober that reads CA bundles through live and asks issuers
// through c.
func NewProber(live client.Reader, c *issuerprobe.Client) *Prober {
	return &Prober{live: live, client: c}
}

// SetupWithManager has issuers asked when a server first wants to know of one, and
// now and then.
func (p *Prober) SetupWithManager(mgr ctrl.Manager) error {
	return builder.TypedControllerManagedBy[issuerQuestion](mgr).
		Named("issuer").
		WithOptions(controller.TypedOptions[issuerQuestion]{
			MaxConcurrentReconciles: probesAtOnce,
			SkipNameValidation:      new(true), // a test process has several managers
		}).
		WatchesRawSource(p.questions()).
		Complete(p)
}

// questions are what servers want to know.
func (p *Prober) questions() source.TypedSource[issuerQuestion] {
	return source.TypedFunc[issuerQuestion](func(_ context.Context, q workqueue.TypedRateLimitingInterface[issuerQuestion]) error {
		p.issuers.begin(q.Add)
		return nil
	})
}

// Reconcile answers one question.
func (p *Prober) Reconcile(ctx context.Context, q issuerQuestion) (reconcile.Result, error) {
	if !p.issuers.wanted(q) {
		return reconcile.Result{}, nil
	}
	answer, answered, left, err := p.answer(ctx, q)
	if err != nil {
		return reconcile.Result{}, err
	}
	if ctx.Err() != nil {
		return reconcile.Result{}, nil // the operator ends
	}
	if answered {
		for _, server := range p.issuers.record(q, answer) {
			p.news.ring(reconcile.Request{NamespacedName: server})
		}
	}
	return reconcile.Result{RequeueAfter: left}, nil
}

// answer asks the issuer if it is time to, and otherwise returns what it said last.
func (p *Prober) answer(ctx context.Context, q issuerQuestion) (answer issuerprobe.Answer, answered bool, left time.Duration, err error) {
	bundle, missing, err := p.bundle(ctx, q)
	if err != nil || missing != "" {
		return issuerprobe.NoBundle(missing), true, bundlePause, err
	}
	question := issuerprobe.Question{Issuer: q.issuer, KeysURL: q.keysURL, Opaque: q.opaque, CABundle: bundle}
	id := identify(question)
	if p.probes.begin(id) {
		p.probes.end(id, p.client.Ask(ctx, question))
	}
	answer, answered, left = p.probes.of(id)
	return answer, answered, left, nil
}

// bundle returns the CA bundle of q, nil if there is to be none, or what is
// missing.
func (p *Prober) bundle(ctx context.Context, q issuerQuestion) (pem []byte, missing string, err error) {
	if q.key == "" {
		return nil, "", nil
	}
	var cm corev1.ConfigMap
	if err := p.live.Get(ctx, q.bundle, &cm); apierrors.IsNotFound(err) {
		return nil, fmt.Sprintf("ConfigMap %s, which spec.tokens.caBundleRef names, does not exist", q.bundle.Name), nil
	} else if err != nil {
		return nil, "", fmt.Errorf("reading the CA bundle: %w", err)
	}
	if text, ok := cm.Data[q.key]; ok {
		return []byte(text), "", nil
	}
	if raw, ok := cm.BinaryData[q.key]; ok {
		return append([]byte{}, raw...), "", nil
	}
	return nil, fmt.Sprintf("ConfigMap %s, which spec.tokens.caBundleRef names, has no key %s", q.bundle.Name, q.key), nil
}
