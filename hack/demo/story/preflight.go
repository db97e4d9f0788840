package story

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/hack/demo/cluster"
	"github.com/securedmcp/operator/hack/demo/fixture"
)

const ingressClass = "nginx" // of the sample

// mayInstall asks for what helm will do, as the one example that needs most.
func (s *story) mayInstall(ctx context.Context) error {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Group: "rbac.authorization.k8s.io", Resource: "clusterroles", Verb: "create"},
	}}
	if err := s.cluster.Create(ctx, review); err != nil {
		return err
	}
	if !review.Status.Allowed {
		return advise(errors.New("this user may not create ClusterRoles, which the chart brings"), "use a kubeconfig of a cluster administrator")
	}
	return nil
}

func (s *story) findIngressClass(ctx context.Context) error {
	err := s.cluster.Get(ctx, ctrlclient.ObjectKey{Name: ingressClass}, new(networkingv1.IngressClass))
	if apierrors.IsNotFound(err) {
		return advise(errors.New("there is no IngressClass "+ingressClass+", which the sample asks for"), "install ingress-nginx, or use the local cluster: leave DEMO_KUBECONFIG out")
	}
	return err
}

// ownNamespaces refuses namespaces that hold somebody else's things.
func (s *story) ownNamespaces(ctx context.Context) error {
	for _, name := range []string{billingNamespace, authNamespace} {
		var namespace corev1.Namespace
		err := s.cluster.Get(ctx, ctrlclient.ObjectKey{Name: name}, &namespace)
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		if err == nil && namespace.Labels["app.kubernetes.io/managed-by"] != fixture.ManagedBy {
			return advise(fmt.Errorf("the namespace %s exists and is not the demo's", name), "use another cluster: the demo deletes and makes this namespace")
		}
	}
	return nil
}

// renewNamespace removes what an earlier run left, so that every run tells the
// same story. ownNamespaces has made sure that it is ours.
func (s *story) renewNamespace(ctx context.Context) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: billingNamespace}}
	err := s.cluster.Delete(ctx, namespace)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil && !apierrors.IsConflict(err) {
		return err
	}
	s.console.Say("an earlier run left the namespace %s; it is removed first", billingNamespace)
	return s.console.Wait(ctx, "namespace "+billingNamespace+" is gone", clusterLimit, func(ctx context.Context) (bool, string, error) {
		err := s.cluster.Get(ctx, ctrlclient.ObjectKeyFromObject(namespace), namespace)
		if apierrors.IsNotFound(err) {
			return true, "", nil
		}
		return false, "it is " + string(namespace.Status.Phase), err
	})
}

// findIngress learns where the Ingress listens, and whether pods find it under
// the names that tokens and clients use.
func (s *story) findIngress(ctx context.Context) error {
	s.ingress = s.IngressAddress
	if s.ingress == "" {
		if err := s.awaitIngressAddress(ctx); err != nil {
			return advise(err, "set DEMO_INGRESS_ADDRESS to where the Ingress controller listens")
		}
	}
	s.console.Done("the Ingress listens at %s", s.ingress)
	return s.checkNames(ctx)
}

func (s *story) awaitIngressAddress(ctx context.Context) error {
	return s.console.Wait(ctx, "the Ingress of the authorization server has an address", clusterLimit, func(ctx context.Context) (bool, string, error) {
		var ingress networkingv1.Ingress
		if err := s.cluster.Get(ctx, issuerKey, &ingress); err != nil {
			return false, "", err
		}
		for _, i := range ingress.Status.LoadBalancer.Ingress {
			s.ingress = i.IP + i.Hostname // one of the two
		}
		return s.ingress != "", "its status names none", nil
	})
}

// checkNames resolves the issuer's name where the runtime will: in a pod.
func (s *story) checkNames(ctx context.Context) error {
	answer, err := s.cluster.RunPod(ctx, cluster.Job{
		Namespace: authNamespace, Name: "resolve", Image: s.images.Billing.Name,
		Args: []string{"--resolve", s.authHost()}, Limit: clusterLimit,
	})
	if err != nil {
		return advise(fmt.Errorf("pods cannot resolve %s: %w: %s", s.authHost(), err, strings.TrimSpace(answer)), "%s", s.nameAdvice())
	}
	s.console.Done("in a pod, %s is %s", s.authHost(), strings.Join(strings.Fields(answer), ", "))
	return nil
}

func (s *story) nameAdvice() string {
	return fmt.Sprintf(`make *.%[1]s lead to the Ingress inside of the cluster: kubectl -n kube-system edit configmap coredns, and add
         %[1]s:53 {
             template IN A {
                 answer "{{ .Name }} 5 IN A %[2]s"
             }
         }
     or set DEMO_DOMAIN to a domain whose names *.DOMAIN lead there already`, s.Domain, s.ingress)
}

// noteStart takes the times of the runtime's start before they are overwritten
// by the next configuration.
func (s *story) noteStart(ctx context.Context) error {
	if !s.cluster.IsLocal() {
		return nil // processes of other machines cannot be looked at
	}
	replicas, err := s.openReplicas(ctx)
	if err != nil {
		return err
	}
	s.startToReady = map[string]time.Duration{}
	for _, replica := range replicas {
		took, err := replica.StartToReady(ctx, s.cluster)
		if err != nil {
			return err
		}
		s.startToReady[replica.Pod.Name] = took
	}
	return nil
}
