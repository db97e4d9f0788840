package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// forwardLimit bounds how long a tunnel may take to open.
const forwardLimit = time.Minute

// Tunnel leads to one port of one pod, past Service and Ingress. It works
// wherever "kubectl port-forward" does.
type Tunnel struct {
	// Address is the local end.
	Address string
	stop    func()
}

// Forward opens a tunnel.
func (c *Cluster) Forward(ctx context.Context, pod *corev1.Pod, port int) (*Tunnel, error) {
	target := c.Clientset.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("portforward").URL()
	stop, ready, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	forwarder, err := c.forwarder(target, port, stop, ready)
	if err != nil {
		return nil, err
	}
	go func() { ended <- forwarder.ForwardPorts() }()
	tunnel := &Tunnel{stop: sync.OnceFunc(func() { close(stop) })}
	timeout := time.NewTimer(forwardLimit)
	defer timeout.Stop()
	select {
	case <-ready:
		return tunnel, tunnel.find(forwarder)
	case err := <-ended:
		return nil, fmt.Errorf("opening a tunnel to pod %s: %w", pod.Name, errors.Join(err, errors.New("it ended")))
	case <-ctx.Done():
		tunnel.Close()
		return nil, context.Cause(ctx)
	case <-timeout.C:
		tunnel.Close()
		return nil, fmt.Errorf("opening a tunnel to pod %s: not ready after %s", pod.Name, forwardLimit)
	}
}

func (c *Cluster) forwarder(target *url.URL, port int, stop, ready chan struct{}) (*portforward.PortForwarder, error) {
	transport, upgrader, err := spdy.RoundTripperFor(c.REST)
	if err != nil {
		return nil, err
	}
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, target)
	return portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:" + strconv.Itoa(port)}, stop, ready, io.Discard, io.Discard)
}

func (t *Tunnel) find(forwarder *portforward.PortForwarder) error {
	ports, err := forwarder.GetPorts()
	if err != nil {
		t.Close()
		return err
	}
	t.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(int(ports[0].Local)))
	return nil
}

// Close ends the tunnel.
func (t *Tunnel) Close() { t.stop() }

// Transport sends plain HTTP through the tunnel, whatever host and scheme the
// URL names; the Host header stays as the URL says.
func (t *Tunnel) Transport() http.RoundTripper {
	return tunnelTransport{address: t.Address, next: &http.Transport{MaxIdleConnsPerHost: 4}}
}

type tunnelTransport struct {
	address string
	next    http.RoundTripper
}

func (t tunnelTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	if req.Host == "" {
		req.Host = req.URL.Host
	}
	req.URL.Scheme, req.URL.Host = "http", t.address
	return t.next.RoundTrip(req)
}
