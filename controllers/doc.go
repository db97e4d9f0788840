// Package controllers keeps every SecuredMCPServer running as its spec says and
// tells in its status what is true of it.
package controllers
