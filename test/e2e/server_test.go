//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/client"
	"github.com/securedmcp/operator/hack/demo/cluster"
	"github.com/securedmcp/operator/hack/demo/fixture"
	"github.com/securedmcp/operator/hack/demo/measure"
	"github.com/securedmcp/operator/test/oauthtest"
)

const (
	// waitLimit bounds every wait for a condition. An operator that was killed a few
	// times is not started for minutes.
	waitLimit = 4 * time.Minute

	serverName  = "billing-tools"
	lookupTool  = "lookup_invoice"
	voidTool    = "void_invoice"
	readScope   = "invoices:read"
	writeScope  = "invoices:write"
	voidScope   = "invoices:void"
	noInvoiceID = "INV-0" // of no invoice: asking for it changes nothing
)

// server is one SecuredMCPServer in a namespace of its own.
type server struct {
	t         *testing.T
	namespace string
	host      string
	key       ctrlclient.ObjectKey
	// manifest is what was applied last.
	manifest *v1alpha1.SecuredMCPServer
	// transport reaches the Ingress.
	transport http.RoundTripper
}

// newServer makes a namespace with all that the sample needs, and the sample
// for it. Nothing is applied yet.
func newServer(t *testing.T) *server {
	t.Helper()
	namespace := newNamespace(t)
	s := &server{
		t: t, namespace: namespace, host: namespace + "." + domain,
		key:       ctrlclient.ObjectKey{Namespace: namespace, Name: serverName},
		transport: newTransport(),
	}
	s.manifest = s.sample()
	s.applyManifest(fixture.Certificates(env.authority, []fixture.Certificate{{Namespace: namespace, Name: "mcp-tls", Hosts: []string{s.host}}}, namespace))
	return s
}

// newTransport opens a connection for every request. The nginx of the local
// cluster reloads when endpoints change, and its old workers keep the
// connections that they have, with the endpoints of then.
func newTransport() http.RoundTripper {
	transport := client.NewTransport(domain, env.ingress, env.authority.Pool())
	transport.DisableKeepAlives = true
	return untilSent{transport}
}

// untilSent sends again what could not be sent: a reload has nginx close a
// connection that it has just taken, before the client could send anything. That
// says nothing about the server behind it. Whatever may have been sent is not sent
// again.
type untilSent struct{ next http.RoundTripper }

func (u untilSent) RoundTrip(req *http.Request) (*http.Response, error) {
	const most = 10
	for range most - 1 {
		resp, err := u.next.RoundTrip(req)
		if err == nil || !strings.Contains(err.Error(), "http2: client conn could not be established") {
			return resp, err
		}
		if req, err = again(req); err != nil {
			return nil, err
		}
	}
	return u.next.RoundTrip(req)
}

// again is the request with its body from the start.
func again(req *http.Request) (*http.Request, error) {
	req = req.Clone(req.Context())
	if req.Body == nil || req.Body == http.NoBody {
		return req, nil
	}
	if req.GetBody == nil {
		return nil, errors.New("a request whose body cannot be read twice was not sent")
	}
	var err error
	req.Body, err = req.GetBody()
	return req, err
}

// newNamespace makes a restricted namespace. It goes when the test ends; when
// it fails, what is in there is written first.
func newNamespace(t *testing.T) string {
	t.Helper()
	name := "e2e-" + strings.ToLower(rand.Text()[:8])
	manifest, err := fixture.Namespaces(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := apply(t.Context(), manifest); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			diagnose(t.Output(), name, cluster.OperatorNamespace)
		}
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := env.cluster.Delete(context.Background(), namespace); ctrlclient.IgnoreNotFound(err) != nil {
			t.Errorf("removing namespace %s: %v", name, err)
		}
	})
	return name
}

// at is the server for a subtest, which must fail on its own.
func (s *server) at(t *testing.T) *server {
	other := *s
	other.t = t
	return &other
}

func (s *server) sample() *v1alpha1.SecuredMCPServer {
	s.t.Helper()
	server, err := sample(s.namespace, s.host)
	if err != nil {
		s.t.Fatal(err)
	}
	return server
}

// sample is config/samples/billing-tools.yaml at home in a namespace.
func sample(namespace, host string) (*v1alpha1.SecuredMCPServer, error) {
	raw, err := os.ReadFile(env.cluster.Project.Path("config/samples/billing-tools.yaml"))
	if err != nil {
		return nil, err
	}
	server := new(v1alpha1.SecuredMCPServer)
	if err := yaml.UnmarshalStrict(raw, server); err != nil {
		return nil, fmt.Errorf("reading the sample: %w", err)
	}
	server.Namespace = namespace
	server.Spec.Resource = "https://" + host + "/billing"
	server.Spec.Issuer = issuerURL
	server.Spec.Upstreams[0].HTTP.URL = "http://billing-api." + sharedNamespace + ".svc:8080"
	return server, nil
}

func manifestOf(server *v1alpha1.SecuredMCPServer) ([]byte, error) { return yaml.Marshal(server) }

// apply changes the manifest and applies it with kubectl, as a person would.
func (s *server) apply(change ...func(*v1alpha1.SecuredMCPServerSpec)) {
	s.t.Helper()
	if err := s.tryApply(change...); err != nil {
		s.t.Fatal(err)
	}
}

// tryApply is apply for manifests that may be refused.
func (s *server) tryApply(change ...func(*v1alpha1.SecuredMCPServerSpec)) error {
	s.t.Helper()
	next := s.manifest.DeepCopy()
	for _, f := range change {
		f(&next.Spec)
	}
	raw, err := yaml.Marshal(next)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := apply(s.t.Context(), raw); err != nil {
		return err
	}
	s.manifest = next
	return nil
}

func (s *server) applyManifest(manifest []byte, err error) {
	s.t.Helper()
	if err == nil {
		err = apply(s.t.Context(), manifest)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// ledInARow is how often a new route has to lead to its server before it counts: while
// nginx reloads, workers of the configuration before take requests beside the new ones.
const ledInARow = 5

// start applies the sample and waits until it serves.
func (s *server) start() *server {
	s.t.Helper()
	s.apply()
	s.waitFor("to be Ready", func(got *v1alpha1.SecuredMCPServer) bool { return cluster.IsTrue(got, v1alpha1.ConditionReady) })
	s.wait("every replica to be available", func(ctx context.Context) (bool, string, error) {
		return env.cluster.RolledOut(ctx, s.key)
	})
	led := 0
	s.wait("the Ingress to lead to the server", func(ctx context.Context) (bool, string, error) {
		answer, err := s.probe("").ListTools(ctx)
		if err != nil {
			return false, err.Error(), nil
		}
		if led++; answer.Status != http.StatusUnauthorized {
			led = 0
		}
		return led == ledInARow, fmt.Sprintf("status %d", answer.Status), nil
	})
	return s
}

// waitFor waits until the object is as wanted, and returns it.
func (s *server) waitFor(what string, wanted func(*v1alpha1.SecuredMCPServer) bool) *v1alpha1.SecuredMCPServer {
	s.t.Helper()
	var got *v1alpha1.SecuredMCPServer
	s.wait("the server "+what, func(ctx context.Context) (bool, string, error) {
		var err error
		if got, err = env.cluster.Server(ctx, s.key); err != nil {
			return false, "", err
		}
		return wanted(got), cluster.Conditions(got), nil
	})
	return got
}

func (s *server) wait(what string, poll func(context.Context) (bool, string, error)) {
	s.t.Helper()
	if err := wait(s.t.Context(), what, poll); err != nil {
		s.t.Fatal(err)
	}
}

// waitCondition waits for a condition of the current generation with a status
// and a reason, and returns its message.
func (s *server) waitCondition(kind string, status metav1.ConditionStatus, reason string) string {
	s.t.Helper()
	var message string
	s.waitFor(fmt.Sprintf("to have %s=%s %s", kind, status, reason), func(got *v1alpha1.SecuredMCPServer) bool {
		i := slices.IndexFunc(got.Status.Conditions, func(c metav1.Condition) bool {
			return c.Type == kind && c.Status == status && c.Reason == reason && c.ObservedGeneration == got.Generation
		})
		if i >= 0 {
			message = got.Status.Conditions[i].Message
		}
		return i >= 0
	})
	return message
}

// token is one of the issuer for this server, with the scopes.
func (s *server) token(scopes ...string) string {
	return s.mint(oauthtest.Claims{"scope": strings.Join(scopes, " ")})
}

func (s *server) mint(claims oauthtest.Claims, options ...oauthtest.TokenOption) string {
	s.t.Helper()
	all := oauthtest.Claims{"aud": s.manifest.Spec.Resource}
	maps.Copy(all, claims)
	token, err := env.issuer.Mint(all, options...)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// probe asks through the Ingress with a token, "" for none.
func (s *server) probe(token string) *client.Probe {
	return &client.Probe{Endpoint: s.manifest.Spec.Resource, Token: token, Transport: s.transport}
}

func (s *server) call(token, tool, invoice string) *client.Answer {
	s.t.Helper()
	arguments := map[string]any{"invoiceId": invoice}
	if tool == voidTool {
		arguments["reason"] = "duplicate"
	}
	answer, err := s.probe(token).CallTool(s.t.Context(), tool, arguments)
	if err != nil {
		s.t.Fatalf("calling %s: %v", tool, err)
	}
	return answer
}

// waitStatus waits until every replica answers a call with the status.
func (s *server) waitStatus(token, tool string, status int) {
	s.t.Helper()
	replicas, err := measure.Open(s.t.Context(), env.cluster, s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	defer replicas.Close()
	if len(replicas) == 0 {
		s.t.Fatal("there are no pods")
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), waitLimit)
	defer cancel()
	arguments := map[string]any{"invoiceId": noInvoiceID, "reason": "duplicate"}
	if tool == lookupTool {
		delete(arguments, "reason")
	}
	_, err = replicas.Until(ctx, *s.probe(token), tool, arguments, func(a *client.Answer) bool { return a.Status == status })
	if err != nil {
		s.t.Fatalf("waiting for every replica to answer %s with %d: %v", tool, status, err)
	}
}

// script runs one of the project, as a person would.
func (s *server) script(path string, args ...string) {
	s.t.Helper()
	if err := env.cluster.Project.Script(s.t.Context(), s.t.Output(), path, args...); err != nil {
		s.t.Fatal(err)
	}
}

// anonymous probes without a token and without a test.
func anonymous(endpoint string) *client.Probe {
	return &client.Probe{Endpoint: endpoint, Transport: newTransport()}
}

// apply has kubectl apply a manifest.
func apply(ctx context.Context, manifest []byte) error {
	_, err := env.cluster.KubectlInput(ctx, bytes.NewReader(manifest), "apply", "-f", "-")
	return err
}

func awaitRollout(ctx context.Context, deployment ctrlclient.ObjectKey) error {
	return wait(ctx, deployment.Name+" to be available", func(ctx context.Context) (bool, string, error) {
		return env.cluster.RolledOut(ctx, deployment)
	})
}

func diagnose(out io.Writer, namespaces ...string) {
	if env.cluster == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	env.cluster.Diagnose(ctx, out, namespaces...)
}
