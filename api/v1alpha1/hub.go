package v1alpha1

// Hub marks the version that is stored, to and from which others are converted.
// See docs/decisions/0050-more-than-one-version.md.
func (*SecuredMCPServer) Hub() {}
