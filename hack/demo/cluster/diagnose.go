package cluster

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
)

const (
	maxEvents   = 8
	maxLogLines = 15
)

// Diagnose writes what explains a failure: the servers' conditions, the pods
// that are not ready, warnings, and the end of the logs. It writes what it can
// get; a cluster that does not answer is a finding too.
func (c *Cluster) Diagnose(ctx context.Context, out io.Writer, namespaces ...string) {
	for _, namespace := range namespaces {
		for _, part := range []func(context.Context, io.Writer, string) error{c.writeServers, c.writePods, c.writeWarnings} {
			if err := part(ctx, out, namespace); err != nil {
				fmt.Fprintf(out, "namespace %s: %v\n", namespace, err)
				return
			}
		}
	}
}

func (c *Cluster) writeServers(ctx context.Context, out io.Writer, namespace string) error {
	var list v1alpha1.SecuredMCPServerList
	if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		fmt.Fprintf(out, "SecuredMCPServers of %s: %v\n", namespace, err) // the CRD may be what is missing
		return nil
	}
	for i := range list.Items {
		fmt.Fprintf(out, "SecuredMCPServer %s/%s: %s\n", namespace, list.Items[i].Name, Conditions(&list.Items[i]))
	}
	return nil
}

func (c *Cluster) writePods(ctx context.Context, out io.Writer, namespace string) error {
	var list corev1.PodList
	if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return err
	}
	if len(list.Items) == 0 {
		fmt.Fprintf(out, "namespace %s has no pods\n", namespace)
	}
	for i := range list.Items {
		pod := &list.Items[i]
		fmt.Fprintf(out, "pod %s/%s: %s\n", namespace, pod.Name, cmp.Or(Trouble(pod), "ready"))
		c.writeLog(ctx, out, pod)
	}
	return nil
}

func (c *Cluster) writeLog(ctx context.Context, out io.Writer, pod *corev1.Pod) {
	lines := int64(maxLogLines)
	for _, previous := range []bool{true, false} {
		raw, err := c.Clientset.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{TailLines: &lines, Previous: previous}).DoRaw(ctx)
		if err != nil || len(raw) == 0 {
			continue // a container that never ran has none
		}
		for line := range strings.SplitSeq(strings.TrimRight(string(raw), "\n"), "\n") {
			fmt.Fprintln(out, "    "+line)
		}
	}
}

func (c *Cluster) writeWarnings(ctx context.Context, out io.Writer, namespace string) error {
	var list corev1.EventList
	if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return err
	}
	warnings := slices.DeleteFunc(list.Items, func(e corev1.Event) bool { return e.Type != corev1.EventTypeWarning })
	slices.SortFunc(warnings, func(a, b corev1.Event) int { return eventTime(&a).Compare(eventTime(&b).Time) })
	for _, e := range warnings[max(0, len(warnings)-maxEvents):] {
		fmt.Fprintf(out, "event %s %s/%s %s: %s\n", eventTime(&e).Format("15:04:05"), e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
	}
	return nil
}

// eventTime is when it was last seen; the two event APIs say so in two fields.
func eventTime(e *corev1.Event) *metav1.Time {
	switch {
	case !e.LastTimestamp.IsZero():
		return &e.LastTimestamp
	case !e.EventTime.IsZero():
		return &metav1.Time{Time: e.EventTime.Time}
	}
	return &e.CreationTimestamp
}
