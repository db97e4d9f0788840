// Package issuerprobe asks an issuer what the pods and the clients of a server
// will need of it.
//
// Whoever writes a SecuredMCPServer says where the question goes, and the issuer
// what comes back. So a question is bounded in time and size, goes to no address
// that only the operator or its node can reach, and follows no redirect; and
// nothing that an issuer wrote is passed on: messages have the words of this
// package and of the spec alone.
package issuerprobe
