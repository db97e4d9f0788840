package controllers

import (
	"context"
	"sync/atomic"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// bell wakes the Reconciler for a server when something outside of the cluster's
// objects has changed. The zero value is ready for use, and rings for nobody until
// its source is started.
type bell struct {
	add atomic.Pointer[func(reconcile.Request)]
}

func (b *bell) ring(server reconcile.Request) {
	if add := b.add.Load(); add != nil {
		(*add)(server)
	}
}

// source is the queue of the Reconciler.
func (b *bell) source() source.Source {
	return source.Func(func(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		b.add.Store(new(q.Add))
		return nil
	})
}
