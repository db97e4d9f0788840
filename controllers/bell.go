package controllers

import (
	"context"
	"sync/atomic"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// bell wakes a controller for an object when something outside of the cluster's
// objects has changed: the Reconciler for a server, the Asker for a pod. The zero value is ready for use, and rings for nobody until
// its source is started.
type bell struct {
	add atomic.Pointer[func(reconcile.Request)]
}

func (b *bell) ring(object reconcile.Request) {
	if add := b.add.Load(); add != nil {
		(*add)(object)
	}
}

// source is the queue of the controller.
func (b *bell) source() source.Source {
	return source.Func(func(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		b.add.Store(new(q.Add))
		return nil
	})
}
