package controllers

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
	"github.com/securedmcp/operator/controllers/render"
)

// served is what pods are given, in short: all that a pass needs to know of a
// configuration.
type served struct {
	Revision string `json:"revision"`
	// Broken is one that was edited by hand and is not healed yet: nothing more can
	// be said of it.
	Broken   bool   `json:"broken,omitempty"`
	Resource string `json:"resource,omitempty"`
	Tools    int32  `json:"tools,omitempty"`
	// changed is when the operator wrote its ConfigMap last. It is not said in short: the
	// managed fields have it.
	changed *metav1.Time
}

// servedKey is the key of a served in the ConfigMaps that the cache holds, in place
// of the configuration. The API server lets no key have a space.
const servedKey = "in short"

// trimConfigMap leaves a served of a configuration, and what is one already.
func trimConfigMap(cm *corev1.ConfigMap) {
	kept := map[string]string{}
	if raw, ok := cm.Data[desired.ConfigKey]; ok {
		kept[servedKey] = servedOf([]byte(raw)).encode()
	} else if short, ok := cm.Data[servedKey]; ok {
		kept[servedKey] = short
	}
	cm.Data, cm.BinaryData = kept, nil
}

func servedOf(raw []byte) served {
	var c config.RuntimeConfig
	if err := json.Unmarshal(raw, &c); err != nil {
		return served{Revision: config.Revision(raw), Broken: true}
	}
	return served{Revision: config.Revision(raw), Resource: c.Resource, Tools: int32(min(len(c.Tools), mostTools+1))}
}

func (s served) encode() string {
	encoded, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and a number
	}
	return string(encoded)
}

// mostURL, mostMetadataURL and mostTools are what the status has room for.
const (
	mostURL         = 512
	mostMetadataURL = 600
	mostTools       = 256
)

// observeServed reports what the pods are given, which after an edit that was
// not accepted is not what the spec says.
func (r *Reconciler) observeServed(ctx context.Context, s *scope) error {
	given, _, err := r.given(ctx, s.server)
	if err != nil {
		return fmt.Errorf("reading the served configuration: %w", err)
	}
	s.status.Revision, s.status.URL, s.status.ResourceMetadataURL, s.status.Tools = "", "", "", nil
	if given == nil || given.Broken {
		return r.observeLeadHere(ctx, s)
	}
	metadata, err := render.ResourceMetadataURL(given.Resource)
	if err != nil || given.Resource == "" || len(given.Resource) > mostURL || len(metadata) > mostMetadataURL || given.Tools > mostTools {
		return r.observeLeadHere(ctx, s) // edited by hand, as above: a status that has it would be refused
	}
	s.status.Revision, s.status.URL, s.status.ResourceMetadataURL = given.Revision, given.Resource, metadata
	s.status.Tools = new(given.Tools)
	return nil
}

// observeLeadHere has the URL stay that was served while routes lead here by it, though
// nobody can say any more what pods are given: others would get it, and have a second
// route for it, and the operator's policy judges it.
func (r *Reconciler) observeLeadHere(ctx context.Context, s *scope) error {
	routes, err := r.routes(ctx, s.server)
	if err != nil {
		return err
	}
	if !s.accepted && len(routes) > 0 {
		s.status.URL = s.server.Status.URL
	}
	return nil
}

// given returns what the pods of server are given, and the version of the
// ConfigMap that it is in; nil if there is none of ours with a configuration.
func (r *Reconciler) given(ctx context.Context, server *v1alpha1.SecuredMCPServer) (given *served, version string, err error) {
	cm := new(corev1.ConfigMap)
	if err := r.own(ctx, server, cm); err != nil || cm.UID == "" {
		return nil, "", err
	}
	short, ok := cm.Data[servedKey]
	if !ok {
		return nil, "", nil
	}
	given = new(served)
	if err := json.Unmarshal([]byte(short), given); err != nil {
		return nil, "", err
	}
	given.changed = appliedAt(cm)
	return given, cm.ResourceVersion, nil
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
