#!/usr/bin/env bash
# Generates what follows from api/v1alpha1 and from the RBAC markers in controllers: deep copies, apply configurations,
# a clientset, the CustomResourceDefinition, the roles, the chart's copies of those, and the API reference. Called by "make generate",
# which builds the tools first; "make verify" runs it and fails if a file changed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

controller_gen=bin/tools/controller-gen
client_gen=bin/tools/client-gen
crd_ref_docs=bin/tools/crd-ref-docs
chart=charts/securedmcp-operator/files
header=hack/boilerplate.go.txt

# What was made of types that are gone would stay behind.
rm -rf api/applyconfiguration api/client

"$controller_gen" paths=./api/v1alpha1 \
	object:headerFile=$header \
	applyconfiguration:headerFile=$header \
	crd output:crd:dir=config/crd/bases

module=github.com/securedmcp/operator
"$client_gen" --go-header-file=$header --input-base=$module --input=api/v1alpha1 \
	--apply-configuration-package=$module/api/applyconfiguration \
	--output-dir=api/client --output-pkg=$module/api/client --clientset-name=versioned --fake-clientset=false

"$controller_gen" paths=./controllers rbac:roleName=securedmcp-operator output:rbac:dir=config/rbac

# The chart has the CustomResourceDefinition among its templates, not in crds/, because Helm never upgrades what is
# there; the annotation keeps it, and with it every object, when the chart is uninstalled. It has the rules of the roles
# as files, so that they are the very same.
rules() { sed -n '/^rules:/,$p' "$1"; }
mkdir -p "$chart"
sed 's|^  annotations:$|&\n    helm.sh/resource-policy: keep|' config/crd/bases/securedmcp.dev_securedmcpservers.yaml >"$chart/crd.yaml"
rules config/rbac/role.yaml >"$chart/operator-rules.yaml"
rules config/rbac/leader_election_role.yaml >"$chart/leader-election-rules.yaml"
for role in viewer editor admin; do
	rules "config/rbac/securedmcpserver_${role}_role.yaml" >"$chart/$role-rules.yaml"
done

go run ./hack/rbac-doc controllers/rbac.go >docs/security/rbac.md

"$crd_ref_docs" --log-level=ERROR --source-path=api/v1alpha1 --config=hack/crd-ref-docs/config.yaml \
	--templates-dir=hack/crd-ref-docs/templates --renderer=markdown --output-path=docs/reference/api.md
