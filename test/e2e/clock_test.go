//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/hack/demo/cluster"
	"github.com/securedmcp/operator/hack/demo/fixture"
)

// clockSlack is how far the times of a lease may be from an hour off: it was renewed a
// while ago.
const clockSlack = time.Minute

// The clock of an operator's node is an hour off, and everybody else's is right. It
// takes over from operators whose clocks are right, works, and hands on to them.
//
// Not parallel: it is everybody's operator.
func TestAnOperatorsClockIsAnHourOff(t *testing.T) {
	for name, off := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			r := newRace(t)
			before := leader(t)
			r.edit()
			r.runOperatorsOf(name)
			r.takeover(before)
			r.checkClock(off)
			r.checkEnforcedSoon()

			before = leader(t)
			r.edit()
			r.killLeader()
			r.takeover(before)
			r.checkClock(off)
			r.checkEnforcedSoon()

			r.turnTLSOn()
			r.finish()
		})
	}
}

// runOperatorsOf has the racers be of another image of the operator, until the chart is
// installed again.
func (r *race) runOperatorsOf(tag string) {
	r.t.Helper()
	image := cluster.Image{Name: "ghcr.io/securedmcp/operator:" + tag, Tar: env.cluster.Project.Path("dist", "e2e", "operator-"+tag+".tar")}
	if _, err := os.Stat(image.Tar); err != nil {
		r.t.Fatalf("hack/skewed-operator.sh makes this image: %v", err)
	}
	if err := env.cluster.Load(r.t.Context(), r.t.Output(), image); err != nil {
		r.t.Fatal(err)
	}
	if err := installChart(r.t.Context(), "--set", "image.tag="+tag, "--set", fmt.Sprintf("replicas=%d", racers)); err != nil {
		r.t.Fatal(err)
	}
}

// checkClock looks at the time that the operator who leads goes by.
func (r *race) checkClock(off time.Duration) {
	r.t.Helper()
	r.wait("the lease to be renewed by the clock that is wrong", func(context.Context) (bool, string, error) {
		wrong := time.Until(leaseOf(r.t).RenewTime.Time)
		return (wrong - off).Abs() < clockSlack, fmt.Sprintf("it is %s off, want %s", wrong, off), nil
	})
}

// turnTLSOn replaces all pods by ones that speak TLS, which goes by for how long they
// have been ready.
func (r *race) turnTLSOn() {
	r.t.Helper()
	r.applyManifest(fixture.Certificates(env.authority, []fixture.Certificate{
		{Namespace: r.namespace, Name: "pod-tls", Hosts: []string{serverName + "." + r.namespace + ".svc"}},
	}, r.namespace))
	r.original.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pod-tls"}
	r.edit()
	r.waitCondition(v1alpha1.ConditionEnforced, metav1.ConditionFalse, v1alpha1.ReasonRollingOut)
	r.waitCondition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
	r.wantPorts("https")
}
