package app_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/app"
	"github.com/securedmcp/operator/test/kubetest"
)

// waitLimit bounds every wait: it is for a machine that does much else.
const waitLimit = 3 * time.Minute

// site is an API server of the test's own, and a person.
type site struct {
	t     *testing.T
	plane *kubetest.Plane
	client.Client
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, plane: kubetest.StartPlane(t)}
	scheme := runtime.NewScheme()
	err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme))
	if err == nil {
		s.Client, err = client.New(s.plane.Config(), client.Options{Scheme: scheme})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// operator is one life of the whole operator.
type operator struct {
	stop  context.CancelFunc
	ended chan error
}

func (s *site) startOperator(on *wire, change ...func(*app.Options)) *operator {
	s.t.Helper()
	o := app.Options{
		RuntimeImage: "ghcr.io/securedmcp/runtime:test", HealthProbeBindAddress: "0", MetricsBindAddress: "0",
		MaxConcurrentReconciles: 2, Logger: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	op := &operator{stop: cancel, ended: make(chan error, 1)}
	cfg := s.plane.Config()
	on.attach(cfg)
	go func() { op.ended <- app.Run(ctx, cfg, o) }()
	s.t.Cleanup(cancel)
	return op
}

// end waits for the operator to end and returns why it did.
func (op *operator) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-op.ended:
		return err
	case <-time.After(waitLimit):
		t.Fatal("the operator does not end")
		return nil
	}
}

func (s *site) server(name string) *v1alpha1.SecuredMCPServer {
	s.t.Helper()
	raw, err := os.ReadFile("../../config/samples/billing-tools.yaml")
	server := new(v1alpha1.SecuredMCPServer)
	if err == nil {
		err = yaml.UnmarshalStrict(raw, server)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	server.Name, server.Namespace = name, "default"
	server.Spec.Resource = "https://" + name + ".example.com/mcp"
	return server
}

func (s *site) create(o client.Object) {
	s.t.Helper()
	if err := s.Create(s.t.Context(), o); err != nil {
		s.t.Fatal(err)
	}
}

// title gives a server another title.
func (s *site) title(server *v1alpha1.SecuredMCPServer, title string) {
	s.t.Helper()
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec": {"title": %q}}`, title))
	if err := s.Patch(s.t.Context(), server, patch); err != nil {
		s.t.Fatal(err)
	}
}

// served waits until the newest spec is accepted, its title in the ConfigMap, and
// every child of the sample is there.
func (s *site) served(server *v1alpha1.SecuredMCPServer, title string) {
	s.t.Helper()
	s.eventually(server.Name+" is served as "+title, func() bool {
		var cm corev1.ConfigMap
		err := errors.Join(s.Get(s.t.Context(), client.ObjectKeyFromObject(server), server), s.Get(s.t.Context(), client.ObjectKeyFromObject(server), &cm))
		var config struct {
			Title string `json:"title"`
		}
		return err == nil && yaml.Unmarshal([]byte(cm.Data["config.json"]), &config) == nil && config.Title == title &&
			server.Status.ObservedGeneration == server.Generation && meta.IsStatusConditionTrue(server.Status.Conditions, v1alpha1.ConditionAccepted)
	})
}

func (s *site) eventually(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(waitLimit); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("in vain: %s", what)
		}
	}
}

// An operator outlives its API server, and goes on where it was.
func TestOperatorGoesOnWhenTheAPIServerIsBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	op := s.startOperator(new(wire))
	server := s.server("a")
	s.create(server)
	s.served(server, server.Spec.Title)
	for _, title := range []string{"one", "two"} {
		s.plane.StopAPIServer()
		s.plane.StartAPIServer()
		s.title(server, title)
		s.served(server, title)
	}
	op.stop()
	if err := op.end(t); err != nil {
		t.Errorf("the operator ended with %v", err)
	}
}

// What was done after the snapshot never was. An operator that kept its caches
// would believe that the ConfigMap of the restored spec is there.
func TestOperatorStartsAnewWhenTheDataOfTheClusterGoesBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	op := s.startOperator(new(wire))
	kept, lost := s.server("kept"), s.server("lost")
	s.create(kept)
	s.served(kept, kept.Spec.Title)
	before := kept.DeepCopy()
	op.stop()
	if err := op.end(t); err != nil {
		t.Fatal(err)
	}
	snapshot := s.plane.Snapshot()

	op = s.startOperator(new(wire))
	s.create(lost)
	s.served(lost, lost.Spec.Title)
	s.title(kept, "another")
	s.served(kept, "another")
	s.plane.Restore(snapshot)
	if err := op.end(t); err == nil {
		t.Fatal("the operator ended without an error: nothing starts it anew")
	}

	s.startOperator(new(wire))
	s.served(kept, before.Spec.Title)
	if err := s.Get(t.Context(), client.ObjectKeyFromObject(lost), lost); !apierrors.IsNotFound(err) {
		t.Errorf("want the lost server not to be there, got %v", err)
	}
	s.title(kept, "after")
	s.served(kept, "after")
}
