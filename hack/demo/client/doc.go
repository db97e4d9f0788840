// Package client is an MCP client that does what a hosted assistant does: it
// is refused, finds the authorization server, signs in with the authorization
// code flow, and comes back with a token; when a tool needs more scope it asks
// for more. The protocol is go-sdk's; what is added here is a browser that
// needs no person, and a record of what went over the wire.
//
// The demo and the end-to-end tests share it.
package client
