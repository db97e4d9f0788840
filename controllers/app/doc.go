// Package app is the operator as a whole: a manager with leader election, probes
// and metrics around the reconciler of package controllers.
package app
