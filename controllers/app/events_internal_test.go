package app

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/events"

	"github.com/securedmcp/operator/test/kubetest"
)

func TestEventsInANamespaceThatEndsAreDropped(t *testing.T) {
	clients, err := kubernetes.NewForConfig(kubetest.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	ns, err := clients.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "ends-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sink := eventSink{&events.EventSinkImpl{Interface: clients.EventsV1()}}
	write := func(name, reason string) error {
		_, err := sink.Create(t.Context(), &eventsv1.Event{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: name}, EventTime: metav1.NewMicroTime(time.Now()),
			ReportingController: "securedmcp.dev/operator", ReportingInstance: "a", Action: "Reconcile", Reason: reason, Type: corev1.EventTypeNormal,
			Regarding: corev1.ObjectReference{Namespace: ns.Name, Kind: "SecuredMCPServer", Name: "a"},
		})
		return err
	}
	if err := write("before", "Ready"); err != nil {
		t.Fatalf("while there is a namespace: %v", err)
	}
	if err := write("broken", ""); !apierrors.IsInvalid(err) {
		t.Errorf("error %v of an event without a reason, want that it is invalid", err)
	}
	if err := clients.CoreV1().Namespaces().Delete(t.Context(), ns.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := write("after", "Ready"); err != nil {
		t.Errorf("while the namespace ends: %v, want no error", err)
	}
	if _, err := clients.EventsV1().Events(ns.Name).Get(t.Context(), "after", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("reading that event: %v, want that there is none", err)
	}
}
