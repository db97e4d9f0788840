// Package e2e tests the whole system on a real Kubernetes: the operator from
// its Helm chart, the runtime in pods of restricted namespaces, and clients
// that come through the Ingress over TLS. "make e2e" starts the cluster; on one
// that is up already:
//
//	export KUBECONFIG=/var/lib/securedmcp-cluster/kubeconfig
//	go test -tags e2e -count=1 ./test/e2e/...
//
// Every test has a namespace and a host name of its own. A test that fails
// writes what explains it: conditions, pods, warnings and logs.
package e2e
