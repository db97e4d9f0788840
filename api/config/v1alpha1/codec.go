package v1alpha1

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Encode writes c in the form that Decode reads, always the same bytes for the
// same value.
func Encode(c *RuntimeConfig) ([]byte, error) {
	out := *c
	out.APIVersion, out.Kind = APIVersion, Kind
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(&out); err != nil {
		return nil, fmt.Errorf("encoding RuntimeConfig: %w", err)
	}
	return buf.Bytes(), nil
}

// Decode reads one RuntimeConfig and refuses whatever it does not know: another
// apiVersion or kind, unknown or repeated members, trailing data. It does not
// call Validate.
func Decode(raw []byte) (*RuntimeConfig, error) {
	if err := checkType(raw); err != nil {
		return nil, err
	}
	if err := checkDuplicates(raw); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var c RuntimeConfig
	if err := dec.Decode(&c); err != nil {
		return nil, fmt.Errorf("decoding RuntimeConfig: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("decoding RuntimeConfig: data after the object")
	}
	return &c, nil
}

// Revision identifies the bytes of a RuntimeConfig file: 16 hexadecimal digits
// of their SHA-256.
func Revision(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

// checkType comes before the strict decode so that a file of another version is
// reported as such and not as a list of unknown members.
func checkType(raw []byte) error {
	var t struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return fmt.Errorf("decoding RuntimeConfig: %w", err)
	}
	if t.APIVersion != APIVersion || t.Kind != Kind {
		return fmt.Errorf("apiVersion %q, kind %q: want %q, %q", t.APIVersion, t.Kind, APIVersion, Kind)
	}
	return nil
}

// checkDuplicates refuses repeated members, of which encoding/json would keep
// the last without a word.
func checkDuplicates(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return walkValue(dec, "")
}

func walkValue(dec *json.Decoder, path string) error {
	tok, err := dec.Token()
	if err != nil {
		return fmt.Errorf("decoding RuntimeConfig: %w", err)
	}
	switch tok {
	case json.Delim('{'):
		return walkObject(dec, path)
	case json.Delim('['):
		for i := 0; dec.More(); i++ {
			if err := walkValue(dec, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		_, err = dec.Token()
	}
	return err
}

func walkObject(dec *json.Decoder, path string) error {
	seen := map[string]bool{} // a schema may have thousands of properties
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return fmt.Errorf("decoding RuntimeConfig: %w", err)
		}
		key, _ := tok.(string)
		if seen[key] {
			return fmt.Errorf("decoding RuntimeConfig: %s.%s appears twice", path, key)
		}
		seen[key] = true
		if err := walkValue(dec, path+"."+key); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}
