// Package manifest reads SecuredMCPServer manifests and says what is wrong with
// them where they were written: file, line, column and field.
//
// It applies, without a cluster, what an API server applies (unknown fields, the
// schema and the CEL rules of the CustomResourceDefinition) and then what the
// operator applies (rendering), and reports everything at once.
package manifest
