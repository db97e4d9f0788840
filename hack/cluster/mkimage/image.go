package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Media types and field names: OCI image specification 1.0.
const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar" // not compressed: it goes from disk to disk
)

type image struct {
	Created      string      `json:"created"`
	Architecture string      `json:"architecture"`
	OS           string      `json:"os"`
	Config       imageConfig `json:"config"`
	RootFS       rootFS      `json:"rootfs"`
	History      []history   `json:"history"`
}

type imageConfig struct {
	User         string              `json:"User,omitempty"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty"`
	Env          []string            `json:"Env,omitempty"`
	Entrypoint   []string            `json:"Entrypoint,omitempty"`
	Cmd          []string            `json:"Cmd,omitempty"`
	WorkingDir   string              `json:"WorkingDir,omitempty"`
	Labels       map[string]string   `json:"Labels,omitempty"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type history struct {
	Created   string `json:"created"`
	CreatedBy string `json:"created_by"`
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

// dockerManifest is what "docker load" reads; it points at the same blobs.
type dockerManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// archive writes each blob once and gives back what refers to it.
type archive struct {
	tar   *tar.Writer
	wrote map[string]bool
}

func writeImage(w io.Writer, img image, layer []byte, tags []string) error {
	a := archive{tar: tar.NewWriter(w), wrote: map[string]bool{}}

	layerDesc, err := a.blob(layerType, layer)
	if err != nil {
		return err
	}
	created := epoch.Format("2006-01-02T15:04:05Z")
	img.OS, img.Created = "linux", created
	img.RootFS = rootFS{Type: "layers", DiffIDs: []string{layerDesc.Digest}}
	img.History = []history{{Created: created, CreatedBy: "mkimage"}}
	configDesc, err := a.jsonBlob(configType, img)
	if err != nil {
		return err
	}
	manifestDesc, err := a.jsonBlob(manifestType, manifest{
		SchemaVersion: 2, MediaType: manifestType, Config: configDesc, Layers: []descriptor{layerDesc},
	})
	if err != nil {
		return err
	}
	return a.finish(manifestDesc, configDesc, layerDesc, tags)
}

func (a *archive) finish(manifestDesc, configDesc, layerDesc descriptor, tags []string) error {
	top := index{SchemaVersion: 2, MediaType: indexType}
	for _, tag := range tags {
		named := manifestDesc
		named.Annotations = map[string]string{
			"io.containerd.image.name":          tag,
			"org.opencontainers.image.ref.name": tag[strings.LastIndex(tag, ":")+1:],
		}
		top.Manifests = append(top.Manifests, named)
	}
	docker := []dockerManifest{{Config: blobPath(configDesc.Digest), RepoTags: tags, Layers: []string{blobPath(layerDesc.Digest)}}}

	for _, f := range []struct {
		name    string
		content any
	}{
		{"index.json", top},
		{"manifest.json", docker},
		{"oci-layout", map[string]string{"imageLayoutVersion": "1.0.0"}},
	} {
		raw, err := json.Marshal(f.content)
		if err != nil {
			return err
		}
		if err := a.file(f.name, raw); err != nil {
			return err
		}
	}
	return a.tar.Close()
}

func (a *archive) jsonBlob(mediaType string, v any) (descriptor, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	return a.blob(mediaType, raw)
}

func (a *archive) blob(mediaType string, raw []byte) (descriptor, error) {
	sum := sha256.Sum256(raw)
	d := descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: len(raw)}
	if a.wrote[d.Digest] {
		return d, nil
	}
	a.wrote[d.Digest] = true
	return d, a.file(blobPath(d.Digest), raw)
}

func (a *archive) file(name string, raw []byte) error {
	err := a.tar.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: int64(len(raw)), Mode: 0o644, ModTime: epoch, Format: tar.FormatPAX,
	})
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	_, err = a.tar.Write(raw)
	return err
}

func blobPath(digest string) string {
	return "blobs/" + strings.Replace(digest, ":", "/", 1)
}
