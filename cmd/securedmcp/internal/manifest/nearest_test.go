package manifest

import "testing"

func TestTheNearestNameIsWhatAPersonMeant(t *testing.T) {
	known := []string{"audience", "issuer", "requiredScopes", "resource", "scopes", "title", "tools", "upstreams"}
	for name, want := range map[string]string{
		"titel":          "title",
		"Title":          "title",
		"scope":          "scopes",
		"requiredScope":  "requiredScopes",
		"required_scope": "requiredScopes",
		"upstream":       "upstreams",
		"zzzzzz":         "",
		"replicas":       "",
		"":               "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest to %q is %q; want %q", name, got, want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"titel", "title", 2}, {"same", "same", 0}} {
		if got := editDistance(tc.a, tc.b); got != tc.want {
			t.Errorf("%q to %q is %d; want %d", tc.a, tc.b, got, tc.want)
		}
	}
}
