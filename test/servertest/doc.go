// Package servertest has SecuredMCPServers that the API server accepts, and ones
// that it refuses with its words. The tests of the API have a real one judge
// them; other programs that judge manifests are held to the same.
package servertest
