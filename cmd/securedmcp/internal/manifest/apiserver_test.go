package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/test/servertest"
)

// What a real API server says of each of these is what the tests of api/v1alpha1
// see to; a person reads the same here, before there is a cluster.
func TestAManifestIsJudgedInTheWordsOfTheAPIServer(t *testing.T) {
	for name, refusal := range servertest.Refused() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, got := reword(inOurWords(refusal.Want)), reword(said(t, refusal.Object.Object))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problems (-API server +here):\n%s", diff)
			}
		})
	}
}

// rewordings are the sentences that are others here. Each makes one of what the
// API server says and what is said here.
var rewordings = []struct {
	why             string
	apiServer, here *regexp.Regexp
	both            string
}{
	{
		"a rule that compares two lists cannot point at the entry that it means",
		regexp.MustCompile(`^spec\.requiredScopes: not declared in spec\.scopes: .+`),
		regexp.MustCompile(`^spec\.requiredScopes\[\d+\]: "[^"]+" is not a declared scope; declared: .+`),
		"required scopes are not declared",
	},
	{
		"the same",
		regexp.MustCompile(`^spec\.scopes: implies names scopes that are not declared in spec\.scopes: .+`),
		regexp.MustCompile(`^spec\.scopes\[\d+\]\.implies\[\d+\]: "[^"]+" is not a declared scope; declared: .+`),
		"implied scopes are not declared",
	},
	{
		"the same",
		regexp.MustCompile(`^spec\.tools: scopes that are not declared in spec\.scopes: .+`),
		regexp.MustCompile(`^spec\.tools\[\d+\]\.scopes\[\d+\]: "[^"]+" is not a declared scope; declared: .+`),
		"scopes of tools are not declared",
	},
	{
		"the same",
		regexp.MustCompile(`^spec\.tools: upstreams that are not declared in spec\.upstreams: .+`),
		regexp.MustCompile(`^spec\.tools\[\d+\]\.upstream: "[^"]+" is not a declared upstream; declared: .+`),
		"upstreams of tools are not declared",
	},
	{
		"it gives the name of the type for the value",
		regexp.MustCompile(`^(\S+): "(?:string|number)": must be of type \w+: "\w+"$`),
		regexp.MustCompile(`^(\S+): is a \w+; want a \w+$`),
		"$1 is of a wrong type",
	},
	{
		"it lists the strings that are supported, too, where there is no string at all",
		regexp.MustCompile(`^(\S+): [\d.]+ is not supported; .+`),
		regexp.MustCompile(`^$`),
		"$1 is of a wrong type",
	},
	{
		"it names the format of JSON Schema and gives no example",
		regexp.MustCompile(`^(\S+): "yesterday": must be of type date-time: "yesterday"$`),
		regexp.MustCompile(`^(\S+): "yesterday": want a date and a time, for example .+`),
		"$1 is no date",
	},
	{
		"it says in words of Go why a rule could not be evaluated",
		regexp.MustCompile(`^(\S+): "string": invalid data, expected string, got \[\]interface {} evaluating rule: `),
		regexp.MustCompile(`^$`),
		"$1: ",
	},
	{
		"it prints a regular expression of 120 characters",
		regexp.MustCompile(`^(\S+): "much": should match .+`),
		regexp.MustCompile(`^(\S+): "much": want a quantity, for example .+`),
		"$1 is no quantity",
	},
	{
		"that no login meets both is found by the renderer: no rule could afford to compare all lists",
		regexp.MustCompile(`^$`),
		regexp.MustCompile(`^spec\.tools\[0\]\.authentication\.acrValues: no login meets .+`),
		"",
	},
}

func reword(sentences []string) []string {
	var out []string
	for _, sentence := range sentences {
		for _, r := range rewordings {
			sentence = r.here.ReplaceAllString(r.apiServer.ReplaceAllString(sentence, r.both), r.both)
		}
		if sentence != "" {
			out = append(out, sentence)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestEveryRewordingIsNeeded(t *testing.T) {
	var all []string
	for _, refusal := range servertest.Refused() {
		all = append(all, inOurWords(refusal.Want)...)
		all = append(all, said(t, refusal.Object.Object)...)
	}
	for _, r := range rewordings {
		for _, pattern := range []*regexp.Regexp{r.apiServer, r.here} {
			if pattern.String() != "^$" && !slices.ContainsFunc(all, pattern.MatchString) {
				t.Errorf("nobody says %s", pattern)
			}
		}
	}
}

func TestAManifestIsGoodWhereTheAPIServerFindsItGood(t *testing.T) {
	accepted := servertest.Accepted()
	// It is as large as it may be, of expressions that the API server does not compile.
	delete(accepted, "as many entries of lists as there may be")
	for name, object := range accepted {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := said(t, object.Object); len(got) > 0 {
				t.Error(strings.Join(got, "\n"))
			}
		})
	}
}

// said returns the problems of a manifest as "path: detail", sorted.
func said(t *testing.T, object map[string]any) []string {
	t.Helper()
	raw, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Load(t.Context(), Source{"x.yaml", raw}, Options{})
	var problems Problems
	if err != nil && !errors.As(err, &problems) {
		t.Fatal(err)
	}
	var out []string
	for _, p := range problems {
		out = append(out, p.Field+": "+p.Detail)
	}
	slices.Sort(out)
	return out
}

var (
	// start is where one of several errors begins.
	start = regexp.MustCompile(`(?:^|, )((?:spec|metadata|<nil>)[^ ,:]*: (?:Invalid|Required|Unsupported|Duplicate|Too))`)
	kind  = regexp.MustCompile(`^(\S+): (Invalid value|Required value|Unsupported value|Duplicate value|Too many|Too long)(?:: )?(.*)$`)
)

// inOurWords takes the API server's words and drops the names of its kinds of
// errors, which say nothing to the person who made one.
func inOurWords(message string) []string {
	message = strings.TrimSuffix(strings.TrimPrefix(message, "["), "]")
	var out []string
	starts := start.FindAllStringSubmatchIndex(message, -1)
	for i, at := range starts {
		end := len(message)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		out = append(out, oneInOurWords(message[at[2]:end]))
	}
	slices.Sort(out)
	return out
}

func oneInOurWords(message string) string {
	m := kind.FindStringSubmatch(message)
	if m == nil {
		return message
	}
	path, detail := m[1], strings.Replace(m[3], m[1]+" in body ", "", 1)
	switch m[2] {
	case "Required value":
		detail = "is required"
	case "Duplicate value":
		detail = strings.NewReplacer(`{"name":`, "", "}", "").Replace(detail) + " appears twice"
	case "Unsupported value":
		value, supported, _ := strings.Cut(detail, ": supported")
		detail = fmt.Sprintf("%s is not supported; supported%s", value, supported)
	}
	if path == "<nil>" {
		return detail
	}
	return path + ": " + detail
}
