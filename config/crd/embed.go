// Package crd embeds the CustomResourceDefinitions that config/crd/bases holds,
// so that programs check manifests with the very schema that the API server has.
package crd

import _ "embed"

// SecuredMCPServers is the CustomResourceDefinition of SecuredMCPServer, as YAML.
//
//go:embed bases/securedmcp.dev_securedmcpservers.yaml
var SecuredMCPServers []byte
