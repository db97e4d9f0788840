#!/usr/bin/env bash
# Prints the files with the CustomResourceDefinitions of optional APIs, one a line: files.sh SET..., where a set is
# gateway-api, cert-manager or prometheus-operator. They come from the modules that go.mod pins and go.sum verifies; the
# first time, those are downloaded. "kubectl apply --server-side -f" takes each file.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

# from MODULE PATTERN...: the files of the module.
from() {
	local dir pattern
	go mod download "$1"
	dir=$(go list -m -f '{{.Dir}}' "$1")
	for pattern in "${@:2}"; do compgen -G "$dir/$pattern"; done
}

[ $# -gt 0 ] || { echo "usage: files.sh gateway-api|cert-manager|prometheus-operator..." >&2 && exit 2; }
for set in "$@"; do
	case $set in
	gateway-api)
		dir=config/crd/standard/gateway.networking.k8s.io
		from sigs.k8s.io/gateway-api ${dir}_{gatewayclasses,gateways,httproutes,referencegrants}.yaml
		;;
	cert-manager)
		from github.com/cert-manager/cert-manager 'deploy/crds/*cert-manager.io_*.yaml'
		;;
	prometheus-operator)
		dir=example/prometheus-operator-crd/monitoring.coreos.com
		from github.com/prometheus-operator/prometheus-operator ${dir}_{podmonitors,prometheusrules,servicemonitors}.yaml
		;;
	*)
		echo "files.sh: unknown set $set: want gateway-api, cert-manager or prometheus-operator" >&2
		exit 2
		;;
	esac
done
