package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// sameFiles tells whether the pods that server has, if any, are given the files that its
// spec needs, and know where: otherwise they could not load its configuration.
func (r *Reconciler) sameFiles(ctx context.Context, server *v1alpha1.SecuredMCPServer) (bool, error) {
	var live, wanted appsv1.Deployment
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(server), &live); err != nil {
		return true, client.IgnoreNotFound(err)
	}
	raw, err := json.Marshal(desired.Deployment(server, r.platform))
	if err != nil {
		return false, fmt.Errorf("encoding Deployment: %w", err)
	}
	if err := json.Unmarshal(raw, &wanted); err != nil {
		return false, fmt.Errorf("decoding Deployment: %w", err)
	}
	return equality.Semantic.DeepEqual(filesOf(&live), filesOf(&wanted)), nil
}

// filesOf are the files of the runtime's container by path, each with what it is of,
// and the flags that name some of them. The API server's defaults are left out.
func filesOf(d *appsv1.Deployment) map[string]string {
	pod, files := d.Spec.Template.Spec, map[string]string{}
	sources := map[string]string{}
	for i := range pod.Volumes {
		sources[pod.Volumes[i].Name] = sourceOf(&pod.Volumes[i])
	}
	for i := range pod.Containers {
		c := &pod.Containers[i]
		if c.Name != desired.ContainerName {
			continue // somebody else's, beside it
		}
		files[c.Name+" args"] = fmt.Sprint(c.Args)
		for _, m := range c.VolumeMounts {
			files[c.Name+" "+m.MountPath] = sources[m.Name]
		}
	}
	return files
}

func sourceOf(v *corev1.Volume) string {
	switch {
	case v.Secret != nil:
		return "Secret " + v.Secret.SecretName + keysOf(v.Secret.Items)
	case v.ConfigMap != nil:
		return "ConfigMap " + v.ConfigMap.Name + keysOf(v.ConfigMap.Items)
	}
	return "neither"
}

func keysOf(items []corev1.KeyToPath) string {
	var keys strings.Builder
	for _, item := range items {
		fmt.Fprintf(&keys, " %q:%q", item.Key, item.Path)
	}
	return keys.String()
}
