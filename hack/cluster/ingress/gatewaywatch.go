package ingress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

var (
	definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	classes     = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gatewayclasses"}
	gateways    = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"}
	httpRoutes  = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}
)

// syncLimit bounds the wait for what the API server lists.
const syncLimit = time.Minute

// gatewayAPI is what the cluster has of Gateway API, which is nothing at first: its kinds are watched once they are
// installed, and no longer when they are removed.
type gatewayAPI struct {
	client    dynamic.Interface
	handler   cache.ResourceEventHandler
	installed cache.GenericLister
	informers map[schema.GroupVersionResource]informers.GenericInformer // nil while it is not installed
	stop      context.CancelFunc
}

func (a *gatewayAPI) watchDefinitions(ctx context.Context) error {
	factory := dynamicinformer.NewDynamicSharedInformerFactory(a.client, 0)
	informer := factory.ForResource(definitions)
	a.installed = informer.Lister()
	return a.start(ctx, factory, informer)
}

func (a *gatewayAPI) start(ctx context.Context, factory dynamicinformer.DynamicSharedInformerFactory, all ...informers.GenericInformer) error {
	for _, informer := range all {
		if _, err := informer.Informer().AddEventHandler(a.handler); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	limited, cancel := context.WithTimeout(ctx, syncLimit)
	defer cancel()
	for resource, ok := range factory.WaitForCacheSync(limited.Done()) {
		if !ok {
			return fmt.Errorf("listing %s: %w", resource.Resource, context.Cause(limited))
		}
	}
	return nil
}

// settle watches what is installed by now.
func (a *gatewayAPI) settle(ctx context.Context) error {
	served := a.serves(classes) && a.serves(gateways) && a.serves(httpRoutes)
	if served == (a.informers != nil) {
		return nil
	}
	if !served {
		a.end()
		return nil
	}
	if err := a.applyClass(ctx); err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	factory := dynamicinformer.NewDynamicSharedInformerFactory(a.client, 0)
	a.stop, a.informers = stop, map[schema.GroupVersionResource]informers.GenericInformer{}
	all := make([]informers.GenericInformer, 0, 3)
	for _, resource := range []schema.GroupVersionResource{classes, gateways, httpRoutes} {
		a.informers[resource] = factory.ForResource(resource)
		all = append(all, a.informers[resource])
	}
	if err := a.start(watching, factory, all...); err != nil {
		a.end()
		return err
	}
	return nil
}

func (a *gatewayAPI) end() {
	a.stop()
	a.stop, a.informers = nil, nil
}

// serves tells whether the definition of a kind is there and in force.
func (a *gatewayAPI) serves(resource schema.GroupVersionResource) bool {
	object, err := a.installed.Get(resource.GroupResource().String())
	if err != nil {
		return false
	}
	definition := object.(*unstructured.Unstructured)
	if definition.GetDeletionTimestamp() != nil {
		return false
	}
	conditions, _, _ := unstructured.NestedSlice(definition.Object, "status", "conditions")
	for _, c := range conditions {
		if condition, ok := c.(map[string]any); ok && condition["type"] == "Established" {
			return condition["status"] == "True"
		}
	}
	return false
}

func (a *gatewayAPI) applyClass(ctx context.Context) error {
	class := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": classes.GroupVersion().String(), "kind": "GatewayClass",
		"metadata": map[string]any{"name": ClassName},
		"spec":     map[string]any{"controllerName": ControllerName},
	}}
	_, err := a.client.Resource(classes).Apply(ctx, ClassName, class, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err != nil {
		return fmt.Errorf("applying GatewayClass: %w", err)
	}
	return nil
}

// fill adds what there is to the snapshot.
func (a *gatewayAPI) fill(snap *snapshot) error {
	var errs []error
	for resource, add := range map[schema.GroupVersionResource]func(*unstructured.Unstructured) error{
		classes: snap.addClass, gateways: snap.addGateway, httpRoutes: snap.addRoute,
	} {
		if a.informers == nil {
			return nil
		}
		objects, err := a.informers[resource].Lister().List(labels.Everything())
		errs = append(errs, err)
		for _, object := range objects {
			errs = append(errs, add(object.(*unstructured.Unstructured)))
		}
	}
	return errors.Join(errs...)
}

// applyStatus writes what the snapshot says of Gateways and routes where it differs.
func (a *gatewayAPI) applyStatus(ctx context.Context, snap *snapshot) error {
	var errs []error
	write := func(resource schema.GroupVersionResource, object metav1.ObjectMeta, status any) {
		errs = append(errs, a.writeStatus(ctx, resource, object, status))
	}
	for _, c := range snap.classes {
		write(classes, c.ObjectMeta, c.Status)
	}
	for _, g := range snap.gateways {
		write(gateways, g.ObjectMeta, g.Status)
	}
	for _, r := range snap.routes {
		write(httpRoutes, r.ObjectMeta, r.Status)
	}
	return errors.Join(errs...)
}

func (a *gatewayAPI) writeStatus(ctx context.Context, resource schema.GroupVersionResource, key metav1.ObjectMeta, status any) error {
	object, err := a.informers[resource].Lister().Get(cache.MetaObjectToName(&key).String())
	if err != nil {
		return err
	}
	live := object.(*unstructured.Unstructured)
	want, err := asJSON(status)
	if err != nil || equality.Semantic.DeepEqual(live.Object["status"], want) {
		return err
	}
	next := live.DeepCopy()
	next.Object["status"] = want
	_, err = a.client.Resource(resource).Namespace(key.Namespace).UpdateStatus(ctx, next, metav1.UpdateOptions{FieldManager: fieldManager})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil // it changed meanwhile, which wakes us
	}
	if err != nil {
		return fmt.Errorf("writing the status of %s %s: %w", resource.Resource, key.Name, err)
	}
	return nil
}

// asJSON gives a value the types that the JSON of an API server has.
func asJSON(in any) (map[string]any, error) {
	raw, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	object := new(unstructured.Unstructured)
	// Its decoder has integers stay integers.
	if err := object.UnmarshalJSON(append(append([]byte(`{"apiVersion":"v1","kind":"Status","status":`), raw...), '}')); err != nil {
		return nil, err
	}
	status, _ := object.Object["status"].(map[string]any)
	return status, nil
}

func decode(object *unstructured.Unstructured, into any) error {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, into); err != nil {
		return fmt.Errorf("reading %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}
