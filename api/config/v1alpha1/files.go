package v1alpha1

import "slices"

// Files returns the files that c refers to, whose contents are a part of it.
func (c *RuntimeConfig) Files() []string {
	var files []string
	for _, path := range c.paths() {
		files = append(files, *path)
	}
	return files
}

// MoveFiles replaces the path of each file that c refers to by what to makes of
// it: for a machine that has the files elsewhere.
func (c *RuntimeConfig) MoveFiles(to func(path string) string) {
	for _, path := range c.paths() {
		*path = to(*path)
	}
}

// paths returns where c holds the path of a file.
func (c *RuntimeConfig) paths() []*string {
	all := []*string{&c.Tokens.CABundleFile}
	if i := c.Tokens.Introspection; i != nil {
		all = append(all, &i.ClientSecretFile)
	}
	if c.RateLimit != nil && c.RateLimit.Redis != nil {
		r := c.RateLimit.Redis
		all = append(all, &r.PasswordFile, &r.CABundleFile)
	}
	return slices.DeleteFunc(all, func(path *string) bool { return *path == "" })
}
