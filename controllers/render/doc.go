// Package render turns a SecuredMCPServer into the RuntimeConfig that the
// runtime enforces. It is pure, and the operator and the command line share it,
// so what a person sees before applying is what the pods get.
package render
