package story

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/securedmcp/operator/hack/demo/cluster"
)

const megabyte = 1e6

// showFigures shows what was measured on the way.
func (s *story) showFigures(ctx context.Context) error {
	rows := [][]string{{"scope change, applied until enforced on every replica", seconds(s.enforced), "aim: under 3 s"}}
	for _, pod := range slices.Sorted(maps.Keys(s.startToReady)) {
		rows = append(rows, []string{"runtime, started until ready (pod " + pod + ")", fmt.Sprintf("%d ms", s.startToReady[pod].Milliseconds()), "aim: under 300 ms"})
	}
	size, err := s.imageSize(ctx)
	if err != nil {
		return err
	}
	if size > 0 { // a node reports its images some seconds late
		rows = append(rows, []string{"runtime image", fmt.Sprintf("%.1f MB", float64(size)/megabyte), "aim: under 25 MB"})
	}
	s.console.Table(rows)
	return nil
}

// imageSize is that of the file which was loaded, or what a node says it has; 0
// if none does.
func (s *story) imageSize(ctx context.Context) (int64, error) {
	if s.cluster.IsLocal() {
		return s.images.Runtime.Size()
	}
	var nodes corev1.NodeList
	if err := s.cluster.List(ctx, &nodes); err != nil {
		return 0, err
	}
	for _, node := range nodes.Items {
		for _, image := range node.Status.Images {
			if slices.Contains(image.Names, s.images.Runtime.Name) {
				return image.SizeBytes, nil
			}
		}
	}
	return 0, nil
}

// finish prints the commands to look around, which work when pasted.
func (s *story) finish() {
	c := s.console
	c.Plain("")
	c.Title("Done in %s. The cluster stays up; look around from %s:", round(c.Elapsed()), s.cluster.Project)
	c.Plain("%s", s.lookAround())
}

func (s *story) lookAround() string {
	out := fmt.Sprintf(`
  export KUBECONFIG=%[1]s PATH=$PWD/bin/k8s:$PATH
  kubectl -n %[2]s get smcp -o wide
  kubectl -n %[2]s describe smcp %[3]s
  kubectl explain smcp.spec.tools
  kubectl -n %[2]s logs -l app.kubernetes.io/instance=%[3]s --tail=5      # the audit trail
  kubectl -n %[2]s logs deploy/billing-api --tail=5                       # the headers that arrive there

  # Ask as a client: first without a token, then with one.
  curl="curl -sS --cacert %[4]s --connect-to ::%[5]s:443"
  $curl -i %[6]s
  $curl %[7]s
  TOKEN=$($curl -u dev:dev -d grant_type=client_credentials -d resource=%[6]s -d scope=invoices:read https://%[8]s/token | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  $curl -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
    -d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' %[6]s

  # The same object, without a cluster.
  go run ./cmd/securedmcp render -f config/samples/billing-tools.yaml
`, s.cluster.Kubeconfig, billingNamespace, serverName, s.relative(s.folder()+"/ca.crt"), s.ingress, s.endpoint(), s.metadataURL(), s.authHost())
	if s.cluster.IsLocal() {
		return out + "\n  make cluster-down      # removes the cluster and every trace of it\n"
	}
	return out + fmt.Sprintf("\n  helm -n %[1]s uninstall %[2]s; kubectl delete namespace %[1]s %[3]s %[4]s      # removes the demo\n",
		cluster.OperatorNamespace, cluster.OperatorKey.Name, billingNamespace, authNamespace)
}
