package cluster

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// clockTicks is USER_HZ, which is 100 on every Linux that Go runs on.
const clockTicks = 100

// ProcessStart returns when the kernel started the program of a pod's only
// container, to a hundredth of a second; the API says it in whole seconds. It
// works for the local cluster, whose processes this machine can see.
func (c *Cluster) ProcessStart(_ context.Context, pod *corev1.Pod) (time.Time, error) {
	folder, err := processOf(pod)
	if err != nil {
		return time.Time{}, err
	}
	return startOf(folder)
}

// Kill ends the program of a pod's only container at once: it can do nothing more,
// and nobody is told. It works for the local cluster, as Freeze and Wake do.
func (c *Cluster) Kill(pod *corev1.Pod) error { return signal(pod, syscall.SIGKILL) }

// Freeze stops the program of a pod's only container wherever it is, until Wake has
// it go on from there.
func (c *Cluster) Freeze(pod *corev1.Pod) error { return signal(pod, syscall.SIGSTOP) }

// Wake has a program go on that Freeze has stopped.
func (c *Cluster) Wake(pod *corev1.Pod) error { return signal(pod, syscall.SIGCONT) }

func signal(pod *corev1.Pod, sig syscall.Signal) error {
	folder, err := processOf(pod)
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(filepath.Base(folder))
	if err != nil {
		return err
	}
	return syscall.Kill(pid, sig)
}

// processOf returns the folder below /proc of the program of a pod's only container.
func processOf(pod *corev1.Pod) (string, error) {
	if len(pod.Status.ContainerStatuses) == 0 {
		return "", fmt.Errorf("pod %s has no container yet", pod.Name)
	}
	_, id, _ := strings.Cut(pod.Status.ContainerStatuses[0].ContainerID, "://")
	if id == "" {
		return "", fmt.Errorf("pod %s has no running container", pod.Name)
	}
	folder, err := processIn(id)
	if err != nil {
		return "", fmt.Errorf("looking for the process of pod %s: %w", pod.Name, err)
	}
	return folder, nil
}

// processIn finds the process in a container's cgroup. There is one: the images
// hold one static program.
func processIn(container string) (string, error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return "", err
	}
	for _, folder := range folders {
		cgroups, err := os.ReadFile(filepath.Join(folder, "cgroup"))
		if err == nil && strings.Contains(string(cgroups), container) {
			return folder, nil
		}
	}
	return "", errors.New("no process on this machine is in its cgroup")
}

// startOf reads field 22 of /proc/PID/stat, in ticks since boot (proc(5)).
func startOf(folder string) (time.Time, error) {
	stat, err := os.ReadFile(filepath.Join(folder, "stat"))
	if err != nil {
		return time.Time{}, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // after the program's name, which may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return time.Time{}, fmt.Errorf("%s/stat has %d fields", folder, len(fields))
	}
	ticks, err := strconv.ParseInt(fields[19], 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	boot, err := bootTime()
	return boot.Add(time.Duration(ticks) * time.Second / clockTicks), err
}

// bootTime is now minus the uptime: the btime of /proc/stat has no fraction. Of
// some readings it takes the one that was quickest, since a busy machine may leave
// this program waiting between the two.
func bootTime() (boot time.Time, err error) {
	for quickest, i := time.Duration(math.MaxInt64), 0; i < 10; i++ {
		before := time.Now()
		raw, err := os.ReadFile("/proc/uptime")
		now := time.Now()
		if err != nil {
			return time.Time{}, err
		}
		first, _, _ := strings.Cut(string(raw), " ")
		uptime, err := strconv.ParseFloat(first, 64)
		if err != nil {
			return time.Time{}, err
		}
		if took := now.Sub(before); took < quickest {
			quickest, boot = took, now.Add(-time.Duration(uptime*float64(time.Second)))
		}
	}
	return boot, nil
}
