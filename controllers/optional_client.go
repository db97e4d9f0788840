package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// awaitPeriod is how often, and awaitTimeout for how long at most, to look whether
// the cache has what was applied.
const (
	awaitPeriod  = 5 * time.Millisecond
	awaitTimeout = 5 * time.Second
)

// optionalClient has the cache catch up with what is applied to optional kinds.
// The client library does that for all others, with the first informer of a kind,
// and there is another each time that an optional kind comes back.
type optionalClient struct{ client.Client }

const notByTheLibrary = client.DisableReadYourWritesConsistency

func (c optionalClient) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if isOptional(o) {
		opts = append(opts, notByTheLibrary)
	}
	return c.Client.Get(ctx, key, o, opts...)
}

func (c optionalClient) Apply(ctx context.Context, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	applied, ok := o.(client.Object)
	if !ok || !isOptional(o) {
		return c.Client.Apply(ctx, o, opts...)
	}
	if err := c.Client.Apply(ctx, o, append(opts, notByTheLibrary)...); err != nil {
		return err
	}
	return c.await(ctx, applied)
}

// await returns when the cache has applied, or something later. It does not wait
// for long: a pass that sees an older state applies what is there already, which
// changes nothing.
func (c optionalClient) await(ctx context.Context, applied client.Object) error {
	seen := new(unstructured.Unstructured)
	seen.SetGroupVersionKind(applied.GetObjectKind().GroupVersionKind())
	err := wait.PollUntilContextTimeout(ctx, awaitPeriod, awaitTimeout, true, func(ctx context.Context) (bool, error) {
		if err := c.Get(ctx, client.ObjectKeyFromObject(applied), seen); err != nil {
			return false, client.IgnoreNotFound(err)
		}
		order, err := resourceversion.CompareResourceVersion(seen.GetResourceVersion(), applied.GetResourceVersion())
		return order >= 0, err
	})
	if wait.Interrupted(err) {
		return ctx.Err()
	}
	return err
}

func (c optionalClient) Patch(ctx context.Context, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
	if isOptional(o) {
		opts = append(opts, notByTheLibrary)
	}
	return c.Client.Patch(ctx, o, patch, opts...)
}

func (c optionalClient) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	if isOptional(o) {
		opts = append(opts, notByTheLibrary)
	}
	return c.Client.Delete(ctx, o, opts...)
}

func isOptional(o any) bool {
	_, ok := o.(runtime.Unstructured)
	return ok
}
