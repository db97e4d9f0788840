package desired

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

const (
	defaultCPURequest = "10m"
	// autoscalingCPURequest is what a share of which is worth another pod: of the
	// default, 70 percent are a handful of calls a second.
	autoscalingCPURequest = "100m"
	defaultMemoryRequest  = "32Mi"
	defaultMemoryLimit    = "128Mi"

	// goMemoryPercent of the memory limit is for the Go runtime; the rest is
	// for what the kernel accounts to the container beside it.
	goMemoryPercent = 90
)

// requirements fills in what w leaves open. A default gives way to what is
// given: it is never a request above a limit.
func requirements(w *v1alpha1.Workload) *corev1ac.ResourceRequirementsApplyConfiguration {
	requests, limits := resourceList(w.Resources.Requests), resourceList(w.Resources.Limits)
	cpu := resource.MustParse(defaultCPURequest)
	if w.Autoscaling != nil {
		cpu = resource.MustParse(autoscalingCPURequest)
	}
	if limit, ok := limits[corev1.ResourceCPU]; ok && cpu.Cmp(limit) > 0 {
		cpu = limit
	}
	setDefault(requests, corev1.ResourceCPU, cpu)

	memory := resource.MustParse(defaultMemoryRequest)
	if limit, ok := limits[corev1.ResourceMemory]; ok && memory.Cmp(limit) > 0 {
		memory = limit
	}
	setDefault(requests, corev1.ResourceMemory, memory)

	limit := resource.MustParse(defaultMemoryLimit)
	if request := requests[corev1.ResourceMemory]; request.Cmp(limit) > 0 {
		limit = request
	}
	setDefault(limits, corev1.ResourceMemory, limit)
	return corev1ac.ResourceRequirements().WithRequests(requests).WithLimits(limits)
}

// goMemoryLimit is the value of GOMEMLIMIT, in bytes, for these requirements. A limit of 0
// is none for a container, and for the Go runtime one that has it collect all the time.
func goMemoryLimit(r *corev1ac.ResourceRequirementsApplyConfiguration) string {
	limit := (*r.Limits)[corev1.ResourceMemory]
	if limit.IsZero() {
		return "off"
	}
	return strconv.FormatInt(limit.Value()/100*goMemoryPercent, 10)
}

// resourceList rounds up to thousandths, as the API server does with what it is given for
// pods: a smaller part would be a difference for ever.
func resourceList(in map[string]resource.Quantity) corev1.ResourceList {
	out := make(corev1.ResourceList, len(in)+1)
	for name, quantity := range in {
		rounded := quantity.DeepCopy()
		rounded.RoundUp(resource.Milli)
		out[corev1.ResourceName(name)] = rounded
	}
	return out
}

func setDefault(list corev1.ResourceList, name corev1.ResourceName, quantity resource.Quantity) {
	if _, ok := list[name]; !ok {
		list[name] = quantity
	}
}
