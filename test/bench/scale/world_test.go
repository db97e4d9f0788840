package scale

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
)

// world is an API server with a person's client.
type world struct {
	b      *testing.B
	client client.Client
	// seen is what there is, without what the benchmark does not look at. It is fed
	// by watches: asking the API server again and again would be most of its work.
	seen     cache.Cache
	requests *requests
	// generations are those of the newest specs, by name.
	generations sync.Map
}

func newWorld(b *testing.B) *world {
	b.Helper()
	scheme := runtime.NewScheme()
	must(b, clientgoscheme.AddToScheme(scheme))
	must(b, v1alpha1.AddToScheme(scheme))
	log.SetLogger(logr.Discard())
	cfg, requests := kubetest.Config(b), newRequests(b)
	cfg.Wrap(requests.ours)
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	must(b, err)
	must(b, c.Create(b.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))
	w := &world{b: b, client: c, seen: see(b, cfg, scheme), requests: requests}
	servePods(b, w.revision)
	w.requests.written(b)
	w.requests.read(b)
	return w
}

func see(b *testing.B, cfg *rest.Config, scheme *runtime.Scheme) cache.Cache {
	b.Helper()
	seen, err := cache.New(cfg, cache.Options{Scheme: scheme, ByObject: map[client.Object]cache.ByObject{
		&v1alpha1.SecuredMCPServer{}: {Transform: onlyStatus},
		&corev1.ConfigMap{}:          {Transform: onlyRevision, Namespaces: map[string]cache.Config{namespace: {}}},
	}})
	must(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel)
	for _, o := range []client.Object{&v1alpha1.SecuredMCPServer{}, &corev1.ConfigMap{}} {
		_, err := seen.GetInformer(ctx, o, cache.BlockUntilSynced(false))
		must(b, err)
	}
	go seen.Start(ctx) //nolint:errcheck // it ends with the benchmark
	seen.WaitForCacheSync(ctx)
	return seen
}

func onlyStatus(in any) (any, error) {
	if s, ok := in.(*v1alpha1.SecuredMCPServer); ok {
		s.ManagedFields, s.Spec = nil, v1alpha1.SecuredMCPServerSpec{}
	}
	return in, nil
}

func onlyRevision(in any) (any, error) {
	if cm, ok := in.(*corev1.ConfigMap); ok {
		cm.ManagedFields = nil
		cm.Data = map[string]string{"revision": config.Revision([]byte(cm.Data["config.json"]))}
	}
	return in, nil
}

// revision is what a pod of the server of this name gets from its volume.
func (w *world) revision(server string) string {
	var cm corev1.ConfigMap
	if err := w.seen.Get(context.Background(), client.ObjectKey{Namespace: namespace, Name: server}, &cm); err != nil {
		return ""
	}
	return cm.Data["revision"]
}

func (w *world) patch(s *v1alpha1.SecuredMCPServer, kind types.PatchType, patch string) error {
	err := w.client.Patch(w.b.Context(), s, client.RawPatch(kind, []byte(patch)))
	w.generations.Store(s.Name, s.Generation)
	return err
}

// await waits until something holds for every server.
func (w *world) await(holds func(*v1alpha1.SecuredMCPServer) bool) {
	w.b.Helper()
	ctx, cancel := context.WithTimeout(w.b.Context(), 20*time.Minute)
	defer cancel()
	for {
		var all v1alpha1.SecuredMCPServerList
		must(w.b, w.seen.List(ctx, &all, client.UnsafeDisableDeepCopy))
		done := 0
		for i := range all.Items {
			if holds(&all.Items[i]) {
				done++
			}
		}
		if done == *objects {
			return
		}
		select {
		case <-ctx.Done():
			w.b.Fatalf("%d of %d are done", done, *objects)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// accepted tells that the newest spec is accepted.
func (w *world) accepted(s *v1alpha1.SecuredMCPServer) bool {
	newest, changed := w.generations.Load(s.Name)
	return (!changed || s.Status.ObservedGeneration == newest.(int64)) && s.Status.ObservedGeneration == s.Generation && meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionAccepted)
}

// ready tells that both pods enforce the newest spec.
func (w *world) ready(s *v1alpha1.SecuredMCPServer) bool {
	return w.accepted(s) && meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionReady) && s.Status.Enforced == "2/2"
}
