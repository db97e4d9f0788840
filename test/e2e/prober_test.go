//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/client"
	"github.com/securedmcp/operator/hack/demo/fixture"
	"github.com/securedmcp/operator/test/stranger"
)

const (
	probedNamespace = "e2e-probed"
	probedHost      = "probed." + domain
	probePause      = 50 * time.Millisecond
)

// prober calls a server without a token, from the start of the suite to its end,
// through all that tests do to the operator and to the cluster. No test takes the
// server away, so it is the server that answers, with its challenge and with nothing
// else: an answer of the proxy in its place is one that nobody expects. No answer at
// all lets nobody in.
type prober struct {
	stop  context.CancelFunc
	ended sync.WaitGroup

	mu     sync.Mutex
	counts map[string]int
	// unsecured are answers that are not the challenge.
	unsecured []string
}

var probed = ctrlclient.ObjectKey{Namespace: probedNamespace, Name: serverName}

// startProber starts the server, and probes it from when it first answers.
func startProber(ctx context.Context) (*prober, error) {
	manifest, err := sample(probedNamespace, probedHost)
	if err != nil {
		return nil, err
	}
	if err := startProbed(ctx, manifest); err != nil {
		return nil, err
	}
	probe := anonymous(manifest.Spec.Resource)
	err = wait(ctx, "the probed server to answer", func(ctx context.Context) (bool, string, error) {
		answer, err := probe.ListTools(ctx)
		if err != nil {
			return false, err.Error(), nil
		}
		return answer.Status == http.StatusUnauthorized, fmt.Sprint(answer.Status), nil
	})
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.Background())
	p := &prober{stop: stop, counts: map[string]int{}}
	p.ended.Go(func() { p.run(running, probe) })
	return p, nil
}

func startProbed(ctx context.Context, server *v1alpha1.SecuredMCPServer) error {
	namespace, err := fixture.Namespaces(probedNamespace)
	if err != nil {
		return err
	}
	certificate, err := fixture.Certificates(env.authority, []fixture.Certificate{{Namespace: probedNamespace, Name: "mcp-tls", Hosts: []string{probedHost}}}, probedNamespace)
	if err != nil {
		return err
	}
	raw, err := manifestOf(server)
	if err != nil {
		return err
	}
	for _, manifest := range [][]byte{namespace, certificate, raw} {
		if err := apply(ctx, manifest); err != nil {
			return err
		}
	}
	return nil
}

func (p *prober) run(ctx context.Context, probe *client.Probe) {
	for ctx.Err() == nil {
		// A tool's name makes no difference before the door.
		answer, err := probe.CallTool(ctx, lookupTool, map[string]any{"invoiceId": noInvoiceID})
		if ctx.Err() == nil {
			p.count(answer, err, probe.Endpoint)
		}
		select {
		case <-ctx.Done():
		case <-time.After(probePause):
		}
	}
}

func (p *prober) count(answer *client.Answer, err error, resource string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.counts["no answer"]++
		return
	}
	p.counts[fmt.Sprint(answer.Status)]++
	if err := stranger.Check(answer, resource, stranger.Nothing); err != nil {
		p.unsecured = append(p.unsecured, fmt.Sprintf("%s: %v", time.Now().UTC().Format(time.RFC3339), err))
	}
}

// answers is how often the door has said no so far.
func (p *prober) answers() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[fmt.Sprint(http.StatusUnauthorized)]
}

// end stops the prober, says what it saw, and returns whether all was well.
func (p *prober) end(out io.Writer) bool {
	p.stop()
	p.ended.Wait()
	fmt.Fprintf(out, "a prober without a token, through the whole run: %v\n", p.counts)
	for _, answer := range p.unsecured {
		fmt.Fprintln(out, "FAIL: an unsecured moment:", answer)
	}
	if err := env.cluster.Delete(context.Background(), &v1alpha1.SecuredMCPServer{ObjectMeta: objectMeta(probed.Namespace, probed.Name)}); err != nil {
		fmt.Fprintln(out, "removing the probed server:", err)
	}
	return len(p.unsecured) == 0 && p.answers() > 0
}
