package scale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// podsOfServer is how many pods each server has, as the sample asks for.
const podsOfServer = 2

// startPods does what the controllers, the kubelets and the ingress controller
// of a cluster would do for s.
func (w *world) startPods(s *v1alpha1.SecuredMCPServer) error {
	ctx := w.b.Context()
	d := &appsv1.Deployment{ObjectMeta: objectMeta(s.Name, nil)}
	if err := w.client.Get(ctx, client.ObjectKeyFromObject(s), d); err != nil {
		return err
	}
	for n := range podsOfServer {
		if err := w.startPod(ctx, d, n); err != nil {
			return err
		}
	}
	before := d.DeepCopy()
	d.Status = appsv1.DeploymentStatus{
		ObservedGeneration: d.Generation, Replicas: podsOfServer, ReadyReplicas: podsOfServer, AvailableReplicas: podsOfServer, UpdatedReplicas: podsOfServer,
		Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue, Reason: "MinimumReplicasAvailable"}},
	}
	if err := w.client.Status().Patch(ctx, d, client.MergeFrom(before)); err != nil {
		return err
	}
	ingress := &networkingv1.Ingress{ObjectMeta: objectMeta(s.Name, nil)}
	return w.client.Status().Patch(ctx, ingress, client.RawPatch(client.Merge.Type(), []byte(`{"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}`)))
}

func (w *world) startPod(ctx context.Context, d *appsv1.Deployment, n int) error {
	p := &corev1.Pod{ObjectMeta: objectMeta(fmt.Sprintf("%s-%d", d.Name, n), d.Spec.Template.Labels), Spec: d.Spec.Template.Spec}
	p.Spec.NodeName = "node"
	ofReplicaSet(d, p)
	if err := w.client.Create(ctx, p); err != nil {
		return err
	}
	before := p.DeepCopy() // the operator may be quicker to annotate it
	ip := podIP(d.Name, n)
	p.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}}, Conditions: readyCondition}
	return w.client.Status().Patch(ctx, p, client.MergeFrom(before))
}

// ofReplicaSet makes p a pod of d.
func ofReplicaSet(d *appsv1.Deployment, p *corev1.Pod) {
	const hash = "newest"
	p.Labels = maps.Clone(p.Labels)
	p.Labels["pod-template-hash"] = hash
	p.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "apps/v1", Kind: "ReplicaSet", Name: d.Name + "-" + hash, UID: types.UID(d.Name + hash), Controller: new(true),
	}}
}

// podIP is a loopback address of the n-th pod of "server-7", and serverAt is the
// way back.
func podIP(server string, n int) string {
	number, err := strconv.Atoi(server[len("server-"):])
	if err != nil {
		panic(err) // every name is one of ours
	}
	return net.IPv4(127, byte(1+n), byte(number>>8), byte(number)).String()
}

func serverAt(ip net.IP) string {
	ip = ip.To4()
	return fmt.Sprintf("server-%d", int(ip[2])<<8|int(ip[3]))
}

// servePods answers for all pods on their admin port. It listens on the loopback
// device alone.
func servePods(b *testing.B, revision func(server string) string) {
	b.Helper()
	loopback := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var bound error
		err := c.Control(func(fd uintptr) { bound = syscall.BindToDevice(int(fd), "lo") })
		return errors.Join(err, bound)
	}}
	listener, err := loopback.Listen(b.Context(), "tcp4", ":9090")
	must(b, err)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		address := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
		json.NewEncoder(rw).Encode(map[string]string{"revision": revision(serverAt(address.IP)), "error": ""}) //nolint:errcheck // the operator may hang up
	})}
	go server.Serve(listener) //nolint:errcheck // it ends with the benchmark
	b.Cleanup(func() { _ = server.Close() })
}
