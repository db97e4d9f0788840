package manifest

import (
	"fmt"
	"io"
	"os"
)

// maxBytes is more than an API server stores, and an end for a pipe without one.
const maxBytes = 3 << 20

// Source is the text of a manifest.
type Source struct {
	// Name is how people know it: the path as they wrote it, or "stdin".
	Name string
	Raw  []byte
}

// Read reads the file at path, or stdin when path is "-".
func Read(path string, stdin io.Reader) (Source, error) {
	if path == "-" {
		return read("stdin", stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return Source{}, err
	}
	defer f.Close()
	return read(path, f)
}

func read(name string, r io.Reader) (Source, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return Source{}, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(raw) > maxBytes {
		return Source{}, fmt.Errorf("reading %s: larger than %d bytes", name, maxBytes)
	}
	return Source{Name: name, Raw: raw}, nil
}
