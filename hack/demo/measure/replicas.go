// Package measure asks each replica of an MCP server directly, past Service
// and Ingress, so that what is said of "every replica" is known of each.
package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/hack/demo/client"
	"github.com/securedmcp/operator/hack/demo/cluster"
)

const (
	publicPort = 8080
	adminPort  = 9090
	// askEvery bounds how exact a moment is.
	askEvery = 10 * time.Millisecond
)

// Replica is one pod of an MCP server.
type Replica struct {
	Pod    corev1.Pod
	public *cluster.Tunnel
	admin  *cluster.Tunnel
}

// Replicas are all pods of an MCP server.
type Replicas []*Replica

// Open opens tunnels to every pod of a Deployment.
func Open(ctx context.Context, c *cluster.Cluster, deployment ctrlclient.ObjectKey) (Replicas, error) {
	pods, err := c.Pods(ctx, deployment)
	if err != nil {
		return nil, err
	}
	var out Replicas
	for i := range pods {
		r := &Replica{Pod: pods[i]}
		out = append(out, r)
		if r.public, err = c.Forward(ctx, &pods[i], publicPort); err == nil {
			r.admin, err = c.Forward(ctx, &pods[i], adminPort)
		}
		if err != nil {
			out.Close()
			return nil, err
		}
	}
	return out, nil
}

// Close closes the tunnels.
func (r Replicas) Close() {
	for _, replica := range r {
		for _, tunnel := range []*cluster.Tunnel{replica.public, replica.admin} {
			if tunnel != nil {
				tunnel.Close()
			}
		}
	}
}

// Until makes the same call to every replica, again and again, and returns for
// each the moment at which it first gave the answer.
func (r Replicas) Until(ctx context.Context, probe client.Probe, tool string, arguments map[string]any, wanted func(*client.Answer) bool) ([]time.Time, error) {
	moments := make([]time.Time, len(r))
	group, ctx := errgroup.WithContext(ctx)
	for i, replica := range r {
		mine := probe
		mine.Transport = replica.public.Transport()
		group.Go(func() (err error) {
			moments[i], err = until(ctx, &mine, tool, arguments, wanted)
			if err != nil {
				return fmt.Errorf("asking pod %s: %w", replica.Pod.Name, err)
			}
			return nil
		})
	}
	return moments, group.Wait()
}

func until(ctx context.Context, probe *client.Probe, tool string, arguments map[string]any, wanted func(*client.Answer) bool) (time.Time, error) {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	last := "nothing"
	for {
		answer, err := probe.CallTool(ctx, tool, arguments)
		switch {
		case err != nil && ctx.Err() == nil:
			return time.Time{}, err
		case err == nil && wanted(answer):
			return time.Now(), nil
		case err == nil:
			last = fmt.Sprintf("status %d", answer.Status)
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("it still answers with %s: %w", last, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// ConfigStatus is what a replica says of its configuration.
type ConfigStatus struct {
	Revision string    `json:"revision"`
	LoadedAt time.Time `json:"loadedAt"`
	Error    string    `json:"error"`
}

// Config asks the replica which configuration it enforces, and since when.
func (r *Replica) Config(ctx context.Context) (ConfigStatus, error) {
	var out ConfigStatus
	probe := client.Probe{Transport: r.admin.Transport()}
	answer, err := probe.Get(ctx, "http://admin/configz")
	if err != nil {
		return out, fmt.Errorf("asking pod %s: %w", r.Pod.Name, err)
	}
	if answer.Status != http.StatusOK {
		return out, fmt.Errorf("asking pod %s: GET /configz answers %d", r.Pod.Name, answer.Status)
	}
	return out, json.Unmarshal(answer.Body, &out)
}

// StartToReady is how long the replica's program took from its start to its
// first configuration in force, keys of the issuer included. It means something
// until the configuration changes, and on the local cluster.
func (r *Replica) StartToReady(ctx context.Context, c *cluster.Cluster) (time.Duration, error) {
	started, err := c.ProcessStart(ctx, &r.Pod)
	if err != nil {
		return 0, err
	}
	config, err := r.Config(ctx)
	if err != nil {
		return 0, err
	}
	return config.LoadedAt.Sub(started), nil
}

// Restarts counts the restarts of a pod's containers.
func Restarts(p *corev1.Pod) int32 {
	var n int32
	for _, s := range p.Status.ContainerStatuses {
		n += s.RestartCount
	}
	return n
}
