package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// historyPeriod is how often to look whether the cluster's history has gone back.
const historyPeriod = 5 * time.Second

// errHistory ends the operator.
var errHistory = errors.New("the cluster's data has gone back to an earlier state")

// history ends the operator when the data of the cluster goes back to an earlier
// state, as when etcd is restored from a snapshot. Its caches would go on to hold
// what is no longer there: a watch continues from a version that is yet to come
// and reports nothing until then, and a read waits for a write of the operator
// that never was. A process that starts anew has neither.
type history struct {
	api       client.Reader
	namespace string
	logger    *slog.Logger
	// newest is the latest version of the data that the API server has named.
	newest uint64
}

// Start looks until ctx ends, or the history has gone back.
func (h *history) Start(ctx context.Context) error {
	for {
		if err := h.look(ctx); errors.Is(err, errHistory) {
			return err
		} else if err != nil {
			h.logger.Debug("cannot tell the version of the cluster's data", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(historyPeriod):
		}
	}
}

// NeedLeaderElection says that a replica that waits has caches, too.
func (h *history) NeedLeaderElection() bool { return false }

// look asks past all caches: the version of a list is that of all data.
func (h *history) look(ctx context.Context) error {
	var some metav1.PartialObjectMetadataList
	some.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("SecuredMCPServerList"))
	if err := h.api.List(ctx, &some, client.InNamespace(h.namespace), client.Limit(1)); err != nil {
		return err
	}
	now, err := strconv.ParseUint(some.ResourceVersion, 10, 64)
	if err != nil {
		return err
	}
	if now < h.newest {
		return fmt.Errorf("%w: it was at version %d and is at %d; starting anew", errHistory, h.newest, now)
	}
	h.newest = now
	return nil
}
