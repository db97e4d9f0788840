// Package v1alpha1 is the contract between the operator, which writes a
// RuntimeConfig, and the runtime, which reads and enforces it.
//
// The package uses the standard library only, so both sides can share it
// without dragging each other's dependencies along.
package v1alpha1
