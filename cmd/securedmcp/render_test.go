package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	kyaml "sigs.k8s.io/yaml"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

const renderable = "testdata/render/billing-tools.yaml"

func TestRenderPrintsWhatTheRuntimeReads(t *testing.T) {
	got := securedmcp(t, "", "render", "-f", renderable)
	golden(t, "testdata/render/billing-tools.json", got.Stdout)
	c, err := config.Decode([]byte(got.Stdout))
	if err != nil || got.Code != 0 {
		t.Fatalf("exit code %d, decoding: %v, stderr %q", got.Code, err, got.Stderr)
	}
	if err := c.Validate(); err != nil {
		t.Errorf("the runtime refuses it: %v", err)
	}
	revision := securedmcp(t, "", "render", "-f", renderable, "--revision")
	if want := config.Revision([]byte(got.Stdout)) + "\n"; revision.Stdout != want {
		t.Errorf("revision %q; want that of the bytes, %q", revision.Stdout, want)
	}
}

func TestRenderPrintsTheSameAsYAML(t *testing.T) {
	inJSON := securedmcp(t, "", "render", "-f", renderable).Stdout
	inYAML := securedmcp(t, "", "render", "-f", renderable, "-o", "yaml").Stdout
	if strings.HasPrefix(inYAML, "{") {
		t.Fatalf("-o yaml prints JSON: %s", inYAML)
	}
	var want, got any
	if err := kyaml.Unmarshal([]byte(inJSON), &want); err != nil {
		t.Fatal(err)
	}
	if err := kyaml.Unmarshal([]byte(inYAML), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JSON and YAML differ (-JSON +YAML):\n%s", diff)
	}
}

func TestRenderReadsStdin(t *testing.T) {
	raw, err := os.ReadFile(renderable)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := securedmcp(t, string(raw), "render", "-f", "-"), securedmcp(t, "", "render", "-f", renderable); got != want {
		t.Errorf("stdin and file differ: %+v", got)
	}
}

func TestTheNamespaceIsPartOfTheRevisionAndTheObjectsOwnWins(t *testing.T) {
	raw, err := os.ReadFile(renderable)
	if err != nil {
		t.Fatal(err)
	}
	without := strings.Replace(string(raw), "  namespace: billing\n", "", 1)
	own := securedmcp(t, "", "render", "-f", renderable, "--revision").Stdout
	if got := securedmcp(t, without, "render", "-f", "-", "-n", "billing", "--revision").Stdout; got != own {
		t.Errorf("revision %q with -n billing; want %q", got, own)
	}
	if got := securedmcp(t, without, "render", "-f", "-", "--revision").Stdout; got == own {
		t.Error("the namespace is not part of the revision")
	}
	if got := securedmcp(t, "", "render", "-f", renderable, "-n", "other", "--revision").Stdout; got != own {
		t.Errorf("revision %q with -n other; want the object's own namespace to win", got)
	}
}

func TestVersionPrintsTheVersion(t *testing.T) {
	if got := securedmcp(t, "", "version"); got != (result{0, version + "\n", ""}) {
		t.Errorf("%+v", got)
	}
}
