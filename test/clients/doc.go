// Package clients has tests only: MCP clients that others wrote go the whole way
// through an authorization server that others wrote to the runtime, step-up
// included.
//
// They need Node.js and packages of npm, which run.sh installs; a build tag keeps
// them apart: go test -tags clients ./test/clients.
package clients
