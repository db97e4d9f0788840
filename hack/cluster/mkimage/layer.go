package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

var epoch = time.Unix(0, 0).UTC()

// buildLayer packs "FILE=/PATH" arguments into one tar; a folder is packed with all below it.
func buildLayer(args []string) ([]byte, error) {
	files := map[string]string{} // path in the image -> path here
	for _, arg := range args {
		src, dst, ok := strings.Cut(arg, "=")
		if !ok || !strings.HasPrefix(dst, "/") {
			return nil, fmt.Errorf("%q is not FILE=/PATH/IN/IMAGE", arg)
		}
		if err := collect(files, src, path.Clean(dst)); err != nil {
			return nil, err
		}
	}

	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	made := map[string]bool{"/": true}
	for _, dst := range sortedKeys(files) {
		if err := addParents(w, made, path.Dir(dst)); err != nil {
			return nil, err
		}
		if err := addFile(w, dst, files[dst]); err != nil {
			return nil, fmt.Errorf("adding %s: %w", dst, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// collect resolves symbolic links: an image of single files has nothing for them to point at.
func collect(files map[string]string, src, dst string) error {
	info, err := os.Stat(src)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		files[dst] = src
		return nil
	}
	return filepath.WalkDir(src, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(src, p)
		if err != nil {
			return err
		}
		files[path.Join(dst, filepath.ToSlash(rel))] = p
		return nil
	})
}

func addParents(w *tar.Writer, made map[string]bool, dir string) error {
	if made[dir] {
		return nil
	}
	if err := addParents(w, made, path.Dir(dir)); err != nil {
		return err
	}
	made[dir] = true
	return w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeDir, Name: strings.TrimPrefix(dir, "/") + "/", Mode: 0o755, ModTime: epoch, Format: tar.FormatPAX,
	})
}

func addFile(w *tar.Writer, dst, src string) error {
	f, err := os.Open(src)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", src)
	}
	mode := int64(0o644) // not the file's own: the umask of a checkout must not change the image
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	err = w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: strings.TrimPrefix(dst, "/"), Size: info.Size(), Mode: mode, ModTime: epoch, Format: tar.FormatPAX,
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
