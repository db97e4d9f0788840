package controllers

import (
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestPatienceEndsAndBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p patience
		a, b := client.ObjectKey{Name: "a"}, client.ObjectKey{Name: "b"}
		want := func(server client.ObjectKey, left time.Duration) {
			t.Helper()
			if got := p.left(server, 3*time.Second); got != left {
				t.Errorf("%s has %s left, want %s", server.Name, got, left)
			}
		}
		want(a, 3*time.Second)
		time.Sleep(2 * time.Second)
		want(a, time.Second)
		want(b, 3*time.Second)
		time.Sleep(2 * time.Second)
		want(a, 0) // and stays so until the end
		want(a, 0)
		p.end(a)
		want(a, 3*time.Second)
		want(b, time.Second)
	})
}
