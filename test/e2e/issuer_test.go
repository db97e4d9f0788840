//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/hack/demo/fixture"
	"github.com/securedmcp/operator/test/oauthtest"
)

// serveIssuer listens where the node can reach this process, and has the
// Ingress lead there.
func serveIssuer(ctx context.Context) error {
	var err error
	if env.issuer, err = oauthtest.NewHandler(oauthtest.Config{Issuer: issuerURL, Subjects: []string{"alice"}}); err != nil {
		return err
	}
	address, err := addressTowards(ctx, env.cluster.REST.Host)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: env.issuer, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }() // as long as this process
	if err := applyIssuer(ctx, listener.Addr().(*net.TCPAddr)); err != nil {
		return err
	}
	return awaitIssuer(ctx)
}

func applyIssuer(ctx context.Context, at *net.TCPAddr) error {
	certificate, err := fixture.Certificates(env.authority, []fixture.Certificate{{Namespace: sharedNamespace, Name: "issuer-tls", Hosts: []string{issuerHost}}})
	if err != nil {
		return err
	}
	if err := apply(ctx, certificate); err != nil {
		return err
	}
	return apply(ctx, fmt.Appendf(nil, issuerManifest, sharedNamespace, at.IP, at.Port, issuerHost))
}

const issuerManifest = `
apiVersion: v1
kind: Service
metadata: {name: issuer, namespace: %[1]s}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: issuer, namespace: %[1]s, labels: {kubernetes.io/service-name: issuer}}
addressType: IPv4
endpoints: [{addresses: ["%[2]s"]}]
ports: [{name: http, port: %[3]d, protocol: TCP}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: issuer, namespace: %[1]s}
spec:
  ingressClassName: nginx
  tls: [{hosts: [%[4]s], secretName: issuer-tls}]
  rules:
  - host: %[4]s
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: issuer, port: {name: http}}}}]}
`

// awaitIssuer learns where the Ingress is, and waits until it leads here.
func awaitIssuer(ctx context.Context) error {
	return wait(ctx, "the issuer to be reached through the Ingress", func(ctx context.Context) (bool, string, error) {
		var ingress networkingv1.Ingress
		if err := env.cluster.Get(ctx, ctrlclient.ObjectKey{Namespace: sharedNamespace, Name: "issuer"}, &ingress); err != nil {
			return false, "", err
		}
		for _, i := range ingress.Status.LoadBalancer.Ingress {
			env.ingress = i.IP
		}
		if env.ingress == "" {
			return false, "the Ingress has no address", nil
		}
		answer, err := anonymous(issuerURL).Get(ctx, issuerURL+"/jwks")
		if err != nil {
			return false, err.Error(), nil
		}
		return answer.Status == http.StatusOK, fmt.Sprintf("status %d", answer.Status), nil
	})
}

// addressTowards is this machine's address as the cluster sees it.
func addressTowards(ctx context.Context, apiServer string) (string, error) {
	target, err := hostPort(apiServer)
	if err != nil {
		return "", err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", target) // sends nothing
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP.String(), nil
}

func hostPort(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), "443"), nil
	}
	return u.Host, nil
}
