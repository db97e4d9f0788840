// Package crds pins the modules that hold the CustomResourceDefinitions of the APIs that a cluster may have beside
// Kubernetes' own. Their YAML is what is used; the imports keep "go mod tidy" from dropping the modules.
package crds

import (
	_ "github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	_ "github.com/prometheus-operator/prometheus-operator/pkg/versionutil"
	_ "sigs.k8s.io/gateway-api/pkg/consts"
)
