package cluster

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

func TestConditions(t *testing.T) {
	condition := func(kind string, status metav1.ConditionStatus) metav1.Condition {
		return metav1.Condition{Type: kind, Status: status, Reason: "Because", Message: "of this", ObservedGeneration: 2}
	}
	cases := map[string]struct {
		observed   int64
		conditions []metav1.Condition
		want       string
		ready      bool
	}{
		"nothing yet":          {0, nil, "generation 2 is not observed yet (0 is)", false},
		"an old status":        {1, []metav1.Condition{{Type: "Ready", Status: "True", ObservedGeneration: 1}}, "generation 2 is not observed yet (1 is)", false},
		"no conditions":        {2, nil, "no conditions", false},
		"all is well":          {2, []metav1.Condition{condition("Accepted", "True"), condition("Ready", "True")}, "Accepted, Ready", true},
		"one is not":           {2, []metav1.Condition{condition("Accepted", "True"), condition("Ready", "False")}, "Accepted, Ready=False Because: of this", false},
		"one is not known yet": {2, []metav1.Condition{condition("Ready", "Unknown")}, "Ready=Unknown Because: of this", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := &v1alpha1.SecuredMCPServer{ObjectMeta: metav1.ObjectMeta{Generation: 2}}
			server.Status.ObservedGeneration, server.Status.Conditions = tc.observed, tc.conditions
			if got := Conditions(server); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if got := IsTrue(server, v1alpha1.ConditionReady); got != tc.ready {
				t.Errorf("ready is %t, want %t", got, tc.ready)
			}
		})
	}
}

func TestTrouble(t *testing.T) {
	waiting := corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "not found"}}}
	failed := corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 2}}}
	cases := map[string]struct {
		status corev1.PodStatus
		want   string
	}{
		"none":                      {corev1.PodStatus{}, ""},
		"an image that is missing":  {corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{waiting}}, "ErrImagePull: not found"},
		"a program that failed":     {corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{failed}}, "Error: exit code 2"},
		"a node that is missing":    {corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: "False", Reason: "Unschedulable", Message: "no node"}}}, "not PodScheduled: Unschedulable no node"},
		"a probe that does not yet": {corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: "False", Reason: "ContainersNotReady"}}}, "not Ready: ContainersNotReady"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Trouble(&corev1.Pod{Status: tc.status}); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestProcessesStartWhenTheyDo(t *testing.T) {
	before := time.Now()
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	after := time.Now()
	defer cmd.Wait()         //nolint:errcheck // it is killed
	defer cmd.Process.Kill() //nolint:errcheck // it is there
	got, err := startOf(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid)))
	if err != nil {
		t.Fatal(err)
	}
	const exact = 30 * time.Millisecond // the kernel counts hundredths, twice
	if got.Before(before.Add(-exact)) || got.After(after.Add(exact)) {
		t.Errorf("started at %s, want between %s and %s", got, before, after)
	}
}

func TestAProcessIsFoundByItsCgroup(t *testing.T) {
	if _, err := processIn("no-container-has-this-id"); err == nil {
		t.Error("want an error for a container that does not exist")
	}
}

func TestTheProjectIsFoundFromWithin(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "hack", "cluster")
	if err := os.MkdirAll(deep, 0o750); err != nil {
		t.Fatal(err)
	}
	for dir, module := range map[string]string{root: "github.com/securedmcp/operator", deep: "github.com/securedmcp/operator/hack/cluster"} {
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module "+module+"\n\ngo 1.26.0\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(deep)
	got, err := FindProject()
	if want, _ := filepath.EvalSymlinks(root); err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	t.Chdir(t.TempDir())
	if _, err := FindProject(); err == nil {
		t.Error("want an error outside")
	}
}

func TestCommands(t *testing.T) {
	var out bytes.Buffer
	err := execute(t.Context(), command{name: "a", program: "/bin/sh", args: []string{"-c", "echo $X; echo sorry >&2; exit 3"}, env: []string{"X=seen"}, stdout: &out})
	var failed *CommandError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want a CommandError", err)
	}
	if diff := cmp.Diff([]string{"seen\n", "sorry", "a -c echo $X; echo sorry >&2; exit 3"}, []string{out.String(), failed.Output, failed.Command}); diff != "" {
		t.Errorf("stdout, end of stderr, command (-want +got):\n%s", diff)
	}
}

func TestACommandEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := execute(ctx, command{name: "sleep", program: "/bin/sleep", args: []string{"infinity"}}); err == nil {
		t.Error("want an error")
	}
}

func TestInstallArguments(t *testing.T) {
	images := NewImages("/project", "registry.example.com:5000/team", "v1")
	got := strings.Join(InstallArguments(images, "abc"), " ")
	for _, want := range []string{
		"registry.example.com:5000/team/operator", "v1",
		"registry.example.com:5000/team/runtime", "demo-image=image-abc",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the arguments lack %q: %s", want, got)
		}
	}
}
