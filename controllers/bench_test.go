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
