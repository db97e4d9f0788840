// Package ingress is a small Ingress controller for the test cluster: it turns Ingress objects of class "nginx" into
// the configuration of a real nginx, as ingress-nginx does.
//
// It exists because no ingress controller can be had as a Go module. What tests and the demo need from one is the
// proxy's real behaviour (TLS, SNI, buffering, header limits, retries, reloads), and that is nginx's own; the defaults
// here are those of ingress-nginx unless a comment says otherwise. It is a fixture, not for production.
//
// Where Gateway API is installed it serves Gateways of the GatewayClass "nginx" and their HTTPRoutes too, each route as
// the Ingress that says the same, and tells what comes of them in their status as other controllers do.
//
// The way through: [Run] watches -> [snapshot] -> [buildConfig] (pure) -> [render] (pure) -> [nginx.apply] -> status.
package ingress
