package controllers

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
	"github.com/securedmcp/operator/controllers/render"
)

// observeServed reports what the pods are given, which after an edit that was
// not accepted is not what the spec says.
func (r *Reconciler) observeServed(ctx context.Context, s *scope) error {
	cm, err := r.servedConfigMap(ctx, s.server)
	if err != nil {
		return fmt.Errorf("reading the served configuration: %w", err)
	}
	s.status.Revision, s.status.URL, s.status.ResourceMetadataURL, s.status.Tools = "", "", "", nil
	if cm == nil {
		return nil
	}
	raw := []byte(cm.Data[desired.ConfigKey])
	var served config.RuntimeConfig
	if err := json.Unmarshal(raw, &served); err != nil {
		return nil //nolint:nilerr // edited by hand and not healed yet: nothing can be said
	}
	metadata, err := render.ResourceMetadataURL(served.Resource)
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	s.status.Revision, s.status.URL, s.status.ResourceMetadataURL = config.Revision(raw), served.Resource, metadata
	s.status.Tools = new(int32(len(served.Tools))) //nolint:gosec // the API allows 256
	return nil
}

// own reads the object with the server's name if the server controls it, and
// leaves o empty otherwise.
func (r *Reconciler) own(ctx context.Context, server *v1alpha1.SecuredMCPServer, o client.Object) error {
	err := r.client.Get(ctx, client.ObjectKeyFromObject(server), o)
	if err == nil && !metav1.IsControlledBy(o, server) {
		o.SetUID("")
	}
	return client.IgnoreNotFound(err)
}
