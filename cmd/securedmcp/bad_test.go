package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every file of testdata/bad is wrong in one way, and its golden file is what a
// person reads.
func TestBadInputIsExplainedWhereItWasWritten(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			got := securedmcp(t, "", "render", "-f", file)
			if got.Code != 1 || got.Stdout != "" {
				t.Errorf("exit code %d, stdout %q; want 1 and nothing", got.Code, got.Stdout)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", got.Stderr)
		})
	}
}

// placed is the start of a line that an editor can jump to.
var placed = regexp.MustCompile(`^testdata/bad/[a-z-]+\.yaml:(\d+:\d+: )?`)

func TestEveryLineOfBadInputBeginsWithItsFile(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			if !placed.MatchString(line) {
				t.Errorf("%s: %q", file, line)
			}
		}
	}
}

func TestBadInputOnStdinIsExplainedToo(t *testing.T) {
	got := securedmcp(t, "kind: SecuredMCPServer\napiVersion: securedmcp.dev/v1alpha1\nspec: 7\n", "render", "-f", "-")
	if got.Code != 1 || !strings.HasPrefix(got.Stderr, "stdin:3:7: spec: is an integer; want a mapping\n") {
		t.Errorf("exit code %d, stderr %q", got.Code, got.Stderr)
	}
}

func TestAnObjectIsChosenByItsName(t *testing.T) {
	got := securedmcp(t, "", "render", "-f", "testdata/bad/two-servers.yaml", "--name", "other-tools")
	if got.Code != 0 || !strings.Contains(got.Stdout, `"name": "other-tools"`) {
		t.Errorf("exit code %d, stdout %q, stderr %q", got.Code, got.Stdout, got.Stderr)
	}
	got = securedmcp(t, "", "render", "-f", "testdata/bad/two-servers.yaml", "--name", "third")
	if got.Code != 1 || !strings.Contains(got.Stderr, "billing-tools, other-tools") {
		t.Errorf("exit code %d, stderr %q; want the names that there are", got.Code, got.Stderr)
	}
}

func TestAWrongCommandLineExitsWithTwo(t *testing.T) {
	cases := map[string]struct {
		args []string
		want string
	}{
		"an unknown command":             {[]string{"rendr"}, "rendr"},
		"an unknown flag":                {[]string{"render", "--file", "x"}, "--file"},
		"an argument too many":           {[]string{"render", "x.yaml"}, "x.yaml"},
		"no file":                        {[]string{"render"}, "-f FILE is required"},
		"no file to serve":               {[]string{"serve"}, "-f FILE is required"},
		"an unknown format":              {[]string{"render", "-f", "x", "-o", "xml"}, "want json or yaml"},
		"a namespace that can be none":   {[]string{"render", "-f", "testdata/render/billing-tools.yaml", "-n", "A B"}, `-n "A B": want at most 63 lower-case letters`},
		"an upstream without URL":        {[]string{"serve", "-f", "x", "--upstream", "api"}, "want NAME=URL"},
		"an upstream twice":              {[]string{"serve", "-f", "x", "--upstream", "a=b", "--upstream", "a=c"}, "given twice"},
		"an address without port":        {[]string{"serve", "-f", "x", "--listen", "localhost"}, "want HOST:PORT"},
		"a public address":               {[]string{"serve", "-f", "x", "--listen", "192.0.2.1:80"}, "want a loopback address"},
		"a certificate without key":      {[]string{"dev-issuer", "--tls-cert", "x"}, "--tls-key"},
		"an issuer that is not a URL":    {[]string{"dev-issuer", "--listen", "127.0.0.1:0", "--issuer", "auth"}, "--issuer"},
		"an upstream nobody declared":    {[]string{"serve", "-f", "testdata/render/billing-tools.yaml", "--upstream", "a=http://b", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, "declared: billing-api"},
		"a public development issuer":    {[]string{"serve", "-f", "testdata/render/billing-tools.yaml", "--dev-issuer", "192.0.2.1:80"}, "want a loopback address"},
		"a development issuer for all":   {[]string{"serve", "-f", "testdata/render/billing-tools.yaml", "--dev-issuer", ":9000"}, "want a loopback address"},
		"a resource that is no URL here": {[]string{"serve", "-f", "testdata/render/billing-tools.yaml", "--resource", "http://mcp.example.com/y", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, `--resource "http://mcp.example.com/y": want https`},
		"an upstream that is no URL":     {[]string{"serve", "-f", "testdata/render/billing-tools.yaml", "--upstream", "billing-api=nix", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, `--upstream billing-api=URL: "nix" is not an absolute http or https URL`},
		"a flag without its value":       {[]string{"serve", "-f"}, "-f"},
		"an argument too many for serve": {[]string{"serve", "-f", "x", "y"}, "y"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := securedmcp(t, "", tc.args...)
			if got.Code != 2 || !strings.Contains(got.Stderr, tc.want) || got.Stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr %q; want 2 and %q", got.Code, got.Stdout, got.Stderr, tc.want)
			}
		})
	}
}

func TestAWrongCommandLineNamesTheHelpOfItsCommand(t *testing.T) {
	for command, args := range map[string][]string{
		"securedmcp":            {"rendr"},
		"securedmcp render":     {"render", "-f", "x", "extra"},
		"securedmcp serve":      {"serve", "--nope"},
		"securedmcp dev-issuer": {"dev-issuer", "--listen", "127.0.0.1:0", "--issuer", "auth"},
	} {
		if got := securedmcp(t, "", args...); !strings.HasSuffix(got.Stderr, "\nSee "+command+" --help.\n") {
			t.Errorf("%v: stderr %q; want it to name the help of %s", args, got.Stderr, command)
		}
	}
}

func TestAToolThatNothingAnswersIsNotServed(t *testing.T) {
	got := securedmcp(t, "", "serve", "-f", "testdata/serve/builtin.yaml", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	want := "testdata/serve/builtin.yaml:9:17: spec.tools[0].upstream: echo is answered by Go code of the runtime's image"
	if got.Code != 1 || !strings.HasPrefix(got.Stderr, want) {
		t.Errorf("exit code %d, stderr %q; want 1 and %q", got.Code, got.Stderr, want)
	}
}

func TestAFileThatIsNotThereIsAnError(t *testing.T) {
	got := securedmcp(t, "", "render", "-f", "testdata/nothing.yaml")
	if got.Code != 1 || !strings.Contains(got.Stderr, "testdata/nothing.yaml") {
		t.Errorf("exit code %d, stderr %q", got.Code, got.Stderr)
	}
}
