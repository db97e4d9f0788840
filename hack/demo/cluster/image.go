package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Image is a container image in a file.
type Image struct {
	// Name is the full reference, for example ghcr.io/securedmcp/runtime:dev.
	Name string
	Tar  string
}

// Images names the images of the project by what they are for.
type Images struct {
	Operator, Runtime, CLI, Billing Image
}

// All lists them.
func (i Images) All() []Image { return []Image{i.Operator, i.Runtime, i.CLI, i.Billing} }

// NewImages names the images below prefix, with one tag.
func NewImages(project Project, prefix, tag string) Images {
	image := func(name, dir string) Image {
		return Image{Name: prefix + "/" + name + ":" + tag, Tar: project.Path("dist", dir, name+".tar")}
	}
	return Images{
		Operator: image("operator", "images"), Runtime: image("runtime", "images"),
		CLI: image("securedmcp", "images"), Billing: image("demo-billing", "demo"),
	}
}

// BuildBilling builds the image of the demo's own API.
func BuildBilling(ctx context.Context, project Project, image Image) error {
	folder := filepath.Dir(image.Tar)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	program := filepath.Join(folder, "billing")
	for _, args := range [][]string{
		{"build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./hack/demo/billing"},
		{"-C", "hack/cluster", "run", "-trimpath", "./mkimage", "-o", image.Tar, "-tag", image.Name, "-user", "65532:65532", "-entrypoint", "/billing", program + "=/billing"},
	} {
		if err := project.build(ctx, args); err != nil {
			return err
		}
	}
	return nil
}

func (p Project) build(ctx context.Context, args []string) error {
	program, err := p.Program("go")
	if err != nil {
		return err
	}
	return execute(ctx, command{
		name: "go", program: program, args: args, stdout: io.Discard, merge: true, dir: string(p),
		env: []string{"CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off"},
	})
}

// Digest changes when the image does. It is put on pods, since the tag of a
// development image stays the same.
func (i Image) Digest() (string, error) {
	file, err := os.Open(i.Tar)
	if err != nil {
		return "", fmt.Errorf("reading image %s: %w", i.Name, err)
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// Size is how many bytes the image takes on a node.
func (i Image) Size() (int64, error) {
	info, err := os.Stat(i.Tar)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
