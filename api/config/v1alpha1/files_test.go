package v1alpha1

import (
	"slices"
	"testing"
)

func TestFilesThatAConfigurationRefersTo(t *testing.T) {
	c := sample()
	c.Tokens = Tokens{}
	if files := c.Files(); len(files) != 0 {
		t.Errorf("a configuration without any refers to %v", files)
	}
	c.Tokens.CABundleFile = "/a"
	c.Tokens.Introspection = &Introspection{ClientSecretFile: "/b"}
	c.RateLimit = &RateLimit{Redis: &Redis{PasswordFile: "/c", CABundleFile: "/d"}}
	if got, want := c.Files(), []string{"/a", "/b", "/c", "/d"}; !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	c.MoveFiles(func(path string) string { return "/elsewhere" + path })
	if got, want := c.Files(), []string{"/elsewhere/a", "/elsewhere/b", "/elsewhere/c", "/elsewhere/d"}; !slices.Equal(got, want) {
		t.Errorf("moved files %v, want %v", got, want)
	}
}
