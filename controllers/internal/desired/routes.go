package desired

import "github.com/securedmcp/operator/controllers/render"

// Routes returns what the Ingress of a resource routes, as host and path:
// "mcp.example.com/billing" and where its metadata is. No Ingress can tell ports
// apart, so two resources that differ in nothing else have the same.
func Routes(resource string) []string {
	host, path := endpoint(resource)
	return []string{host + endpointPath(path), host + render.MetadataPath(path)}
}
