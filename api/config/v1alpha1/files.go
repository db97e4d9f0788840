package v1alpha1

// Files returns the files that c refers to, whose contents are a part of it.
func (c *RuntimeConfig) Files() []string {
	var files []string
	add := func(path string) {
		if path != "" {
			files = append(files, path)
		}
	}
	add(c.Tokens.CABundleFile)
	if c.Tokens.Introspection != nil {
		add(c.Tokens.Introspection.ClientSecretFile)
	}
	if c.RateLimit != nil && c.RateLimit.Redis != nil {
		add(c.RateLimit.Redis.PasswordFile)
	}
	if c.Tracing != nil {
		add(c.Tracing.HeadersFile)
	}
	return files
}
