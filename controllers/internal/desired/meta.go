package desired

import (
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

const (
	// ManagedBy is the value of LabelManagedBy on everything the operator makes.
	ManagedBy = "securedmcp-operator"

	// LabelManagedBy marks what the operator makes; it watches nothing else.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// LabelInstance has the name of the SecuredMCPServer.
	LabelInstance = "app.kubernetes.io/instance"
	// LabelName has the name of the application.
	LabelName = "app.kubernetes.io/name"

	labelComponent  = "app.kubernetes.io/component"
	labelPartOf     = "app.kubernetes.io/part-of"
	applicationName = "securedmcp-runtime"
)

// Selector returns the labels that select the pods of s. A Deployment's selector
// can never be changed, so neither can these.
func Selector(s *v1alpha1.SecuredMCPServer) map[string]string {
	return map[string]string{LabelName: applicationName, LabelInstance: s.Name}
}

// Ours selects the same pods, and of others' that have these labels only those
// that the operator sees: whatever gets requests is looked at.
func Ours(s *v1alpha1.SecuredMCPServer) map[string]string {
	l := Selector(s)
	l[LabelManagedBy] = ManagedBy
	return l
}

// labels returns the labels of every object that belongs to s.
func labels(s *v1alpha1.SecuredMCPServer) map[string]string {
	l := Selector(s)
	l[labelComponent] = "mcp-server"
	l[labelPartOf] = "securedmcp"
	l[LabelManagedBy] = ManagedBy
	return l
}

// owner makes garbage collection remove the object together with s.
func owner(s *v1alpha1.SecuredMCPServer) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(v1alpha1.GroupVersion.String()).
		WithKind(v1alpha1.Kind).
		WithName(s.Name).
		WithUID(s.UID).
		WithController(true).
		WithBlockOwnerDeletion(true)
}
