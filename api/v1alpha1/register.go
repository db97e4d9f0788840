package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	// Group is the API group.
	Group = "securedmcp.dev"
	// Version is the API version.
	Version = "v1alpha1"
	// Kind is the kind of SecuredMCPServer.
	Kind = "SecuredMCPServer"
)

var (
	// GroupVersion is the group and version of the types of this package.
	GroupVersion = schema.GroupVersion{Group: Group, Version: Version}
	// SchemeGroupVersion is GroupVersion under the name that generated code uses.
	SchemeGroupVersion = GroupVersion
	// AddToScheme registers the types of this package.
	AddToScheme = schemeBuilder.AddToScheme

	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)
)

// Resource qualifies the name of a resource with the API group.
func Resource(resource string) schema.GroupResource {
	return GroupVersion.WithResource(resource).GroupResource()
}

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &SecuredMCPServer{}, &SecuredMCPServerList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
