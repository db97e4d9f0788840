package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// build runs mkimage on a program and a folder, and returns the tar.
func build(t *testing.T, mtime time.Time, perm os.FileMode) []byte {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string, perm os.FileMode) {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), perm); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(p, mtime, mtime); err != nil {
			t.Fatal(err)
		}
	}
	write("prog", "binary", perm|0o100)
	write("data/b/two", "2", perm)
	write("data/one", "1", perm)
	out := filepath.Join(dir, "out.tar")
	err := run([]string{
		"-o", out, "-tag", "registry.local/x:v1", "-tag", "registry.local/x:latest", "-entrypoint", "/prog", "-entrypoint", "serve",
		"-user", "65532:65532", "-label", "a=b=c", "-env", "K=V", "-expose", "8080", "-expose", "53/udp", "-arch", "amd64",
		filepath.Join(dir, "prog") + "=/prog", filepath.Join(dir, "data") + "=/srv/data",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func untar(t *testing.T, raw []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(raw)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func decode[T any](t *testing.T, raw []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSameFilesGiveTheSameBytesWhateverTheirTimesAndModes(t *testing.T) {
	a := build(t, time.Unix(1, 0), 0o644)
	b := build(t, time.Unix(1e9, 0), 0o600)
	if !bytes.Equal(a, b) {
		t.Error("two builds of the same content differ")
	}
}

func TestEveryBlobIsNamedByItsDigest(t *testing.T) {
	for name, content := range untar(t, build(t, time.Now(), 0o644)) {
		digest, ok := strings.CutPrefix(name, "blobs/sha256/")
		if !ok {
			continue
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != digest {
			t.Errorf("%s holds other content", name)
		}
	}
}

func TestIndexNamesEveryTagAndLeadsToConfigAndFiles(t *testing.T) {
	files := untar(t, build(t, time.Now(), 0o644))
	top := decode[index](t, files["index.json"])
	var names []string
	for _, m := range top.Manifests {
		names = append(names, m.Annotations["io.containerd.image.name"])
	}
	if diff := cmp.Diff([]string{"registry.local/x:v1", "registry.local/x:latest"}, names); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}

	m := decode[manifest](t, files[blobPath(top.Manifests[0].Digest)])
	img := decode[image](t, files[blobPath(m.Config.Digest)])
	want := imageConfig{
		User: "65532:65532", WorkingDir: "/", Entrypoint: []string{"/prog", "serve"}, Env: []string{"K=V"},
		Labels: map[string]string{"a": "b=c"}, ExposedPorts: map[string]struct{}{"8080/tcp": {}, "53/udp": {}},
	}
	if diff := cmp.Diff(want, img.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}

	got := map[string]string{}
	for name, content := range untar(t, files[blobPath(m.Layers[0].Digest)]) {
		got[name] = string(content)
	}
	wantFiles := map[string]string{"prog": "binary", "srv/": "", "srv/data/": "", "srv/data/b/": "", "srv/data/b/two": "2", "srv/data/one": "1"}
	if diff := cmp.Diff(wantFiles, got); diff != "" {
		t.Errorf("layer (-want +got):\n%s", diff)
	}
}

func TestWrongArgumentsWriteNothing(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.tar")
	for name, args := range map[string][]string{
		"no tag":              {"-o", out, "go.mod=/x"},
		"no file":             {"-o", out, "-tag", "x:1"},
		"relative path":       {"-o", out, "-tag", "x:1", "main.go=x"},
		"file that is absent": {"-o", out, "-tag", "x:1", "absent=/x"},
		"label without value": {"-o", out, "-tag", "x:1", "-label", "k", "main.go=/x"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(args, io.Discard); err == nil {
				t.Error("want an error")
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left %v behind", left)
			}
		})
	}
}
