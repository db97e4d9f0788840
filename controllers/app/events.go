package app

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	eventsv1client "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/securedmcp/operator/controllers"
)

// newRecorder returns a recorder whose events are written until ctx ends.
func newRecorder(ctx context.Context, mgr ctrl.Manager) (events.EventRecorder, error) {
	c, err := eventsv1client.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	broadcaster := events.NewBroadcaster(eventSink{&events.EventSinkImpl{Interface: c}})
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		return nil, err
	}
	return broadcaster.NewRecorder(mgr.GetScheme(), controllers.FieldOwner), nil
}

// eventSink drops events about what goes with its namespace. The API server takes
// nothing new there, which is no error of the operator's, and there will be nobody
// to read them.
type eventSink struct{ events.EventSink }

func (s eventSink) Create(ctx context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	created, err := s.EventSink.Create(ctx, event)
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return event, nil
	}
	return created, err
}
