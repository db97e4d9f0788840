// Package desired says what Kubernetes objects a SecuredMCPServer should have,
// one kind a file. The builders are pure and total, and they set only the fields
// that the operator means to own: what they leave out, defaults and other field
// managers decide.
package desired
