// Package serve runs a SecuredMCPServer manifest on this machine, with the
// render and runtime code that a cluster runs.
package serve

import (
	"errors"
	"io"
)

// Options say what is served and where.
type Options struct {
	// File is the manifest; "-" is stdin, which is not watched.
	File string
	// Name chooses among several SecuredMCPServers in File.
	Name string
	// Listen and AdminListen are the addresses of the runtime.
	Listen, AdminListen string
	// DevIssuer is the address of a development authorization server to run
	// beside it; "" means none.
	DevIssuer string
	// Resource replaces spec.resource.
	Resource string
	// Upstreams replaces URLs of upstreams, by name.
	Upstreams map[string]string
	// SecretsDir holds what the manifest refers to, as NAME/KEY.
	SecretsDir string
	Version    string

	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// ErrUsage marks options that are wrong in themselves.
var ErrUsage = errors.New("usage")
