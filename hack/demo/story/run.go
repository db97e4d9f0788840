// Package story is the demo: the main job from "kubectl apply" to a tool call
// that is refused because a scope was moved, told step by step. The list of
// steps is in Run.
package story

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/hack/demo/client"
	"github.com/securedmcp/operator/hack/demo/cluster"
	"github.com/securedmcp/operator/hack/demo/console"
	"github.com/securedmcp/operator/hack/demo/fixture"
	"github.com/securedmcp/operator/hack/demo/measure"
)

// Namespaces and names of what the demo deploys; the sample names the first two.
const (
	billingNamespace = "billing"
	serverName       = "billing-tools"
	authNamespace    = "auth"

	diagnosisLimit = 30 * time.Second
)

var (
	serverKey = ctrlclient.ObjectKey{Namespace: billingNamespace, Name: serverName}
	apiKey    = ctrlclient.ObjectKey{Namespace: billingNamespace, Name: "billing-api"}
	issuerKey = ctrlclient.ObjectKey{Namespace: authNamespace, Name: "authorization-server"}
)

// ErrFailed is what Run returns after it has told what failed and why.
var ErrFailed = errors.New("the demo failed")

type step struct {
	title string
	run   func(*story, context.Context) error
}

var steps = []step{
	{"A real Kubernetes", (*story).openCluster},
	{"Container images", (*story).provideImages},
	{"The operator, from its Helm chart", (*story).installOperator},
	{"What is there already: a billing API, and an authorization server", (*story).deployNeighbours},
	{"One object: kubectl apply", (*story).applyServer},
	{"A client without a token is turned away, and told where to go", (*story).showChallenge},
	{"It reads who protects the server, and finds the authorization server", (*story).showDiscovery},
	{"It signs in: authorization code with PKCE, for this resource", (*story).showSignIn},
	{"It lists the tools", (*story).listTools},
	{"lookup_invoice answers from the billing API", (*story).lookUpInvoice},
	{"void_invoice needs more scope: refused, step-up, voided", (*story).voidInvoice},
	{"One kubectl apply moves void_invoice to another scope", (*story).moveScope},
	{"Figures", (*story).showFigures},
}

// story is what the steps hand on to each other.
type story struct {
	Options
	console   *console.Console
	cluster   *cluster.Cluster
	images    cluster.Images
	authority *fixture.Authority
	ingress   string // the address of the Ingress

	client  *client.Client
	session *mcp.ClientSession
	signIn  []client.Exchange // all that Connect sent, and what came back
	failure error             // of Connect

	startToReady map[string]time.Duration // by pod
	enforced     time.Duration            // from apply to the last replica's refusal
	replicas     measure.Replicas
}

// Run tells the whole story. An error other than ErrFailed has not been told.
func Run(ctx context.Context, o Options) error {
	s := &story{Options: o, console: console.New(o.Out, len(steps))}
	defer s.close()
	s.console.Title("SecuredMCP, from kubectl apply to an answered tool call")
	for _, step := range steps {
		s.console.Step(step.title)
		if err := step.run(s, ctx); err != nil {
			s.explain(ctx, step, err)
			return ErrFailed
		}
	}
	s.finish()
	return nil
}

func (s *story) close() {
	if s.session != nil {
		_ = s.session.Close() // nothing is lost with it
	}
	s.replicas.Close()
	if s.cluster != nil {
		s.cluster.Unlock()
	}
}

// adviceError is an error with what to do about it.
type adviceError struct {
	error
	advice string
}

func (e *adviceError) Unwrap() error { return e.error }

func advise(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &adviceError{err, fmt.Sprintf(format, args...)}
}

// explain says which step failed, why, and what to do.
func (s *story) explain(ctx context.Context, failed step, err error) {
	s.console.Failed("step %d failed: %s", s.console.Number(), failed.title)
	s.console.Say("why: %v", err)
	if ctx.Err() == nil && s.cluster != nil {
		s.console.Say("what the cluster says:")
		s.diagnose(ctx)
	}
	var advised *adviceError
	advice := "read on with: export KUBECONFIG=" + s.kubeconfig() + "; kubectl get smcp,pods,events -A; then run the demo again"
	switch {
	case ctx.Err() != nil:
		advice = "it was interrupted; run it again, leftovers do not stop it"
	case errors.As(err, &advised):
		advice = advised.advice
	}
	s.console.Say("do:  %s", advice)
	s.console.Say("stopped after %s", round(s.console.Elapsed()))
}

func (s *story) diagnose(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, diagnosisLimit)
	defer cancel()
	var out strings.Builder
	s.cluster.Diagnose(ctx, &out, billingNamespace, authNamespace, cluster.OperatorNamespace)
	s.console.Verbatim(out.String())
}

func (s *story) kubeconfig() string {
	if s.cluster != nil {
		return s.cluster.Kubeconfig
	}
	return s.Kubeconfig
}

// round keeps three digits or so: more would claim what was not measured.
func round(d time.Duration) time.Duration {
	if d > 10*time.Second {
		return d.Round(time.Second)
	}
	return d.Round(10 * time.Millisecond)
}
