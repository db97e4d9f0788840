//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/cluster"
	"github.com/securedmcp/operator/test/stranger"
)

const (
	etcdSnapshot = "hack/cluster/etcd-snapshot.sh"
	// dialLimit is within which a pod answers that is there.
	dialLimit = time.Second
)

// The data of a cluster goes back to what they were, and its nodes do not: pods enforce
// a policy that nobody knows of any more, pods run whose server was never made, and a
// server is there whose pods have ended. Neither operator nor kubelet are started anew.
//
// Not parallel: everybody's data go back.
func TestEtcdIsRestoredFromAnOlderSnapshot(t *testing.T) {
	restartOperators(t)
	s, deleted := newServer(t).start(), newServer(t).start()
	token := s.token(readScope, writeScope)
	original := s.manifest
	snapshot := filepath.Join(t.TempDir(), "etcd.db")
	s.script(etcdSnapshot, "save", snapshot)

	s.apply(moveScope)
	s.waitStatus(token, voidTool, http.StatusForbidden)
	moved := s.manifest
	deleted.removeNamespace()
	made := newServer(t).start()
	addresses := made.podAddresses()
	known, unknown := s.ask(s.token(readScope), 2), s.ask("", 1)

	s.script(etcdSnapshot, "restore", snapshot)
	s.manifest = original
	s.checkTruthSoon()
	s.waitStatus(token, voidTool, http.StatusOK)
	s.checkEnforced()
	deleted.checkServes()
	made.waitGone(&corev1.Namespace{ObjectMeta: objectMeta("", made.namespace)})
	made.waitDead(addresses)

	// Whoever keeps manifests in Git applies them again.
	s.manifest = moved
	s.apply()
	s.waitStatus(token, voidTool, http.StatusForbidden)
	s.checkEnforced()
	s.checkNothingLost(known, unknown)
}

// checkTruthSoon waits until the status is no more what the snapshot says of pods.
func (s *server) checkTruthSoon() {
	s.t.Helper()
	since := time.Now()
	s.wait("the status to be true", func(context.Context) (bool, string, error) {
		got, enforced := s.server(), true
		s.eachReplica(func(revision string) { enforced = enforced && revision == got.Status.Revision })
		return enforced || !cluster.IsTrue(got, v1alpha1.ConditionEnforced), "Enforced is True, and a pod enforces something else", nil
	})
	took := time.Since(since)
	s.t.Logf("the status is true %s after the API server was ready", took.Round(time.Millisecond))
	if took > enforceLimit {
		s.t.Errorf("the status is true %s after the API server was ready, want at most %s", took, enforceLimit)
	}
}

// removeNamespace waits until the server is gone, with all that it is in.
func (s *server) removeNamespace() {
	s.t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: objectMeta("", s.namespace)}
	if err := env.cluster.Delete(s.t.Context(), namespace); err != nil {
		s.t.Fatal(err)
	}
	s.waitGone(namespace)
}

// checkServes waits until the server answers, with what strangers are told.
func (s *server) checkServes() {
	s.t.Helper()
	token := s.token(readScope)
	s.wait("a server that is back to serve", func(ctx context.Context) (bool, string, error) {
		answer, err := s.probe(token).CallTool(ctx, lookupTool, map[string]any{"invoiceId": "INV-2040"})
		if err != nil {
			return false, err.Error(), nil
		}
		return answer.Status == http.StatusOK, fmt.Sprint(answer.Status), nil
	})
	s.checkEnforced()
	answer := s.call("", lookupTool, "INV-2040")
	if err := stranger.Check(answer, s.manifest.Spec.Resource, stranger.Nothing); err != nil {
		s.t.Error(err)
	}
}

func (s *server) podAddresses() []string {
	s.t.Helper()
	pods, err := env.cluster.Pods(s.t.Context(), s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	var addresses []string
	for i := range pods {
		addresses = append(addresses, net.JoinHostPort(pods[i].Status.PodIP, "8080"))
	}
	if len(addresses) == 0 {
		s.t.Fatal("there are no pods")
	}
	return addresses
}

// waitDead waits until nobody answers at addresses where somebody did.
func (s *server) waitDead(addresses []string) {
	s.t.Helper()
	s.wait("pods that the API server does not know to end", func(ctx context.Context) (bool, string, error) {
		for _, address := range addresses {
			dialer := net.Dialer{Timeout: dialLimit}
			if connection, err := dialer.DialContext(ctx, "tcp", address); err == nil {
				return false, address + " answers", connection.Close()
			}
		}
		return true, "", nil
	})
}
