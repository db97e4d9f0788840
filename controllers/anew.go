package controllers

import (
	"context"
	"encoding/json"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// makeWay deletes the Ingress if its class changes, and leaves c with what is there
// then. The address in its status is that of the controller that had it: an Ingress does
// not say whose its address is, and one that is made anew has none.
func (r *Reconciler) makeWay(ctx context.Context, s *scope, c *child) error {
	live, ok := c.live.(*networkingv1.Ingress)
	if !ok {
		return nil
	}
	key, want := client.ObjectKeyFromObject(s.server), c.fields().(*networkingv1ac.IngressApplyConfiguration)
	if r.anew.lately(key, classWanted(want)) {
		return nil
	}
	changes, err := r.changesClass(ctx, live, want)
	if !changes || err != nil {
		return err
	}
	if err := r.remove(ctx, s.server, c); err != nil {
		return err
	}
	r.anew.note(key, classWanted(want), live)
	*live = networkingv1.Ingress{}
	// The cache has seen the deletion by the time that it answers.
	if err := client.IgnoreNotFound(r.client.Get(ctx, key, live)); err != nil {
		return err
	}
	if c.exists() && !c.leaves() {
		return fmt.Errorf("making %s anew: another of this name has come", c.kind)
	}
	return nil
}

// changesClass tells whether the class of live changes by applying want. What seems to
// change it is applied for a trial: what the API server, a policy or a webhook refuses
// takes nothing away, and where a webhook has its own way the class stays.
func (r *Reconciler) changesClass(ctx context.Context, live *networkingv1.Ingress, want *networkingv1ac.IngressApplyConfiguration) (bool, error) {
	applied, err := appliedOf(live)
	if err != nil {
		return false, err
	}
	has, wanted := classOf(live), classWanted(want)
	if wanted == has || wanted.torn() || wanted.isNone() && applied.class().isNone() {
		return false, nil // what nobody asks for is the cluster's default
	}
	encoded, err := json.Marshal(want)
	if err != nil {
		return false, err
	}
	trial := new(networkingv1ac.IngressApplyConfiguration) // the answer is written into it
	if err := json.Unmarshal(encoded, trial); err != nil {
		return false, err
	}
	err = r.client.Apply(ctx, trial.WithUID(live.UID), client.ForceOwnership, client.DryRunAll, client.DisableReadYourWritesConsistency)
	return err == nil && classWanted(trial) != has, err
}
