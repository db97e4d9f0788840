package controllers

import (
	"context"
	"fmt"
	"net"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/issuerprobe"
	"github.com/securedmcp/operator/test/oauthtest"
)

// copies is a cluster in which every namespace has the same CA bundle.
type copies struct {
	client.Reader
	pem string
}

func (c *copies) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	*o.(*corev1.ConfigMap) = corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Data:       map[string]string{"ca.crt": c.pem},
	}
	return nil
}

func TestAThousandServersOfOneIssuerAskItOnce(t *testing.T) {
	issuer := oauthtest.New(t, oauthtest.WithTLS())
	tests := map[string]struct {
		namespace func(i int) string
		questions int
	}{
		"in one namespace":               {func(int) string { return "billing" }, 1},
		"in a thousand, with one bundle": {func(i int) string { return fmt.Sprint("team-", i) }, 1000},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			issuer.ResetCounts()
			p := NewProber(&copies{pem: string(issuer.CAPEM())}, issuerprobe.NewClient((&net.Dialer{}).DialContext))
			var questions []issuerQuestion
			p.issuers.begin(func(q issuerQuestion) { questions = append(questions, q) })
			for i := range 1000 {
				s := serverAt(issuer.Issuer(), test.namespace(i), fmt.Sprint("server-", i))
				if _, answered := p.issuers.of(client.ObjectKeyFromObject(s), questionOf(s)); answered {
					t.Fatal("answered before it was asked")
				}
			}
			if len(questions) != test.questions {
				t.Errorf("%d questions, want %d", len(questions), test.questions)
			}
			for range 2 {
				for _, q := range questions {
					if _, err := p.Reconcile(t.Context(), q); err != nil {
						t.Fatal(err)
					}
				}
			}
			if n := issuer.Count(oauthtest.EndpointOAuthMetadata); n != 1 {
				t.Errorf("the issuer was asked %d times, want once", n)
			}
			for i := range 1000 {
				s := serverAt(issuer.Issuer(), test.namespace(i), fmt.Sprint("server-", i))
				answer, answered := p.issuers.of(client.ObjectKeyFromObject(s), questionOf(s))
				if !answered || !answer.Fine() {
					t.Fatalf("server %d has no answer: %q", i, answer.Reason)
				}
			}
		})
	}
}

func serverAt(issuer, namespace, name string) *v1alpha1.SecuredMCPServer {
	return &v1alpha1.SecuredMCPServer{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.SecuredMCPServerSpec{
			Issuer: issuer,
			Tokens: v1alpha1.Tokens{CABundleRef: &v1alpha1.ConfigMapKeyRef{Name: "issuer-ca", Key: "ca.crt"}},
		},
	}
}

func TestWhoHearsOfAnAnswer(t *testing.T) {
	a, b := client.ObjectKey{Namespace: "n", Name: "a"}, client.ObjectKey{Namespace: "n", Name: "b"}
	one, two := issuerQuestion{issuer: "one"}, issuerQuestion{issuer: "two"}
	var i issuers
	asked := 0
	i.of(a, one) // before anybody answers questions
	i.begin(func(issuerQuestion) { asked++ })
	i.of(b, one)
	if asked != 1 {
		t.Errorf("%d questions, want the one that has waited", asked)
	}
	if told := i.record(one, fine); len(told) != 2 {
		t.Errorf("%v hear of it, want both", told)
	}
	if told := i.record(one, fine); len(told) != 0 {
		t.Errorf("%v hear of what they know", told)
	}
	i.of(b, two)
	if told := i.record(one, keyless); len(told) != 1 || told[0] != a {
		t.Errorf("%v hear of it, want a alone: b has moved on", told)
	}
	if told := i.record(two, keyless); len(told) != 1 || told[0] != b {
		t.Errorf("%v hear of it, want b alone", told)
	}
	i.forget(a)
	i.forget(a)
	if i.wanted(one) || !i.wanted(two) {
		t.Error("want the question of b alone to be left")
	}
	if told := i.record(one, fine); len(told) != 0 {
		t.Errorf("%v hear of it, and nobody wants to", told)
	}
	i.forget(b)
	if len(i.known)+len(i.wants) != 0 {
		t.Errorf("%v and %v are left when all servers are gone", i.known, i.wants)
	}
}
