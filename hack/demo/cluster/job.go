package cluster

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Job is a program to run once, inside of the cluster.
type Job struct {
	Namespace, Name, Image string
	Labels                 map[string]string
	Args                   []string
	Limit                  time.Duration
}

// RunPod runs the job and returns what it printed. A program that fails is an
// error, and what it printed is returned all the same.
func (c *Cluster) RunPod(ctx context.Context, job Job) (string, error) {
	pod := job.pod()
	if err := c.RemovePod(ctx, pod); err != nil {
		return "", err
	}
	if err := c.Create(ctx, pod); err != nil {
		return "", err
	}
	defer func() { _ = c.RemovePod(context.WithoutCancel(ctx), job.pod()) }() // one left over stops nobody
	err := c.awaitEnd(ctx, pod, job.Limit)
	out, logErr := c.Clientset.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err == nil {
		err = logErr
	}
	return string(out), err
}

// StartPod starts the job, which is not to end by itself, and waits until it runs
// and has an address. RemovePod ends it.
func (c *Cluster) StartPod(ctx context.Context, job Job) (*corev1.Pod, error) {
	pod := job.pod()
	if err := c.Create(ctx, pod); err != nil {
		return nil, err
	}
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, job.Limit, true, func(ctx context.Context) (bool, error) {
		if err := c.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			return false, err
		}
		return pod.Status.Phase == corev1.PodRunning && pod.Status.PodIP != "", nil
	})
	if err != nil {
		return nil, fmt.Errorf("starting pod %s/%s: %w: %s", pod.Namespace, pod.Name, err, Trouble(pod))
	}
	return pod, nil
}

func (j Job) pod() *corev1.Pod {
	yes, no := true, false
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: j.Namespace, Name: j.Name, Labels: j.Labels},
		Spec: corev1.PodSpec{
			RestartPolicy:                corev1.RestartPolicyNever,
			AutomountServiceAccountToken: &no,
			EnableServiceLinks:           &no,
			SecurityContext:              &corev1.PodSecurityContext{RunAsNonRoot: &yes, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{
				Name: "main", Image: j.Image, Args: j.Args,
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
					Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
}

func (c *Cluster) awaitEnd(ctx context.Context, pod *corev1.Pod, limit time.Duration) error {
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, limit, true, func(ctx context.Context) (bool, error) {
		if err := c.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			return false, err
		}
		return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed, nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("running pod %s/%s: %w: %s", pod.Namespace, pod.Name, err, Trouble(pod))
	case pod.Status.Phase == corev1.PodFailed:
		return fmt.Errorf("pod %s/%s failed: %s", pod.Namespace, pod.Name, Trouble(pod))
	}
	return nil
}

// RemovePod deletes the pod and waits until its name is free.
func (c *Cluster) RemovePod(ctx context.Context, pod *corev1.Pod) error {
	if err := c.Delete(ctx, pod.DeepCopy(), client.GracePeriodSeconds(0)); err != nil {
		return client.IgnoreNotFound(err)
	}
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := c.Get(ctx, client.ObjectKeyFromObject(pod), new(corev1.Pod))
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
}
