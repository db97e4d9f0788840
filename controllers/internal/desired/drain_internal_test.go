package desired

import (
	"slices"
	"testing"
	"time"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// The kubelet kills what has not ended by the end of the grace period.
func TestPodsAreDrainedWithinTheirGracePeriod(t *testing.T) {
	spec := Deployment(&v1alpha1.SecuredMCPServer{}, Platform{RuntimeImage: "example.com/runtime:1"}).Spec.Template.Spec
	args := spec.Containers[0].Args
	var drain time.Duration
	for _, flag := range []string{"--drain-delay", "--drain-timeout"} {
		d, err := time.ParseDuration(args[slices.Index(args, flag)+1])
		if err != nil {
			t.Fatalf("%s: %v; arguments %v", flag, err, args)
		}
		drain += d
	}
	const reserve = 2 * time.Second // to close what is open, and to exit
	if grace := time.Duration(*spec.TerminationGracePeriodSeconds) * time.Second; drain+reserve > grace {
		t.Errorf("draining takes up to %s, and the grace period is %s: want %s less", drain, grace, reserve)
	}
}
