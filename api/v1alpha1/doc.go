// Package v1alpha1 is the securedmcp.dev/v1alpha1 API: SecuredMCPServer, an MCP
// server that only callers with the right OAuth 2.1 access token can use.
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +kubebuilder:ac:output:package="../applyconfiguration"
// +groupName=securedmcp.dev
// +groupGoName=SecuredMCP
package v1alpha1
