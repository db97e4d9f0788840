package controllers_test

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// What a forced resync or an operator restart costs for every server there is.
func BenchmarkPassOverAnUnchangedServer(b *testing.B) {
	w := newWorld(b)
	s := w.ready("a")
	request := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(s)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.reconciler.Reconcile(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
	if writes := w.writes.take(); len(writes) > 0 {
		b.Errorf("writes %v, want none", writes)
	}
}

// What asking costs the operator, for every pod there is, every few minutes.
func BenchmarkQuestionToAPod(b *testing.B) {
	w := newWorld(b)
	s := w.ready("a")
	_, r := w.runningPod(s, "3")
	r.hold(s.Status.Revision)
	w.settle(s)
	request := reconcile.Request{NamespacedName: client.ObjectKey{Namespace: s.Namespace, Name: "a-3"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.asker.Reconcile(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
}
