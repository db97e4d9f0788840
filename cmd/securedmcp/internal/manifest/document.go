package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	kyaml "sigs.k8s.io/yaml"
)

// document is one YAML document of a file: its values as kubectl would send
// them, and where in the file they were written.
type document struct {
	file   string
	line   int // of the file, before the document's first
	root   *yaml.Node
	object map[string]any
}

// parseDocuments reads every document of src that holds anything. A document
// that is not YAML is a Problem.
func parseDocuments(src Source) ([]*document, error) {
	var documents []*document
	for _, chunk := range split(src.Raw) {
		d, err := parseDocument(src.Name, chunk)
		if err != nil {
			return nil, err
		}
		if d != nil {
			documents = append(documents, d)
		}
	}
	return documents, nil
}

// chunk is the text between two document separators.
type chunk struct {
	line int
	raw  []byte
}

// split cuts where kubectl cuts: at lines of "---", a comment after it allowed.
func split(raw []byte) []chunk {
	chunks := []chunk{{}}
	line := 0
	for text := range bytes.Lines(raw) {
		line++
		if isSeparator(text) {
			chunks = append(chunks, chunk{line: line})
			continue
		}
		last := &chunks[len(chunks)-1]
		last.raw = append(last.raw, text...)
	}
	return chunks
}

func isSeparator(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	rest = bytes.TrimSpace(rest)
	return ok && (len(rest) == 0 || rest[0] == '#')
}

func parseDocument(file string, c chunk) (*document, error) {
	d := &document{file: file, line: c.line}
	var node yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(c.raw))
	if err := decoder.Decode(&node); errors.Is(err, io.EOF) {
		return nil, nil // comments, or nothing at all
	} else if err != nil {
		return nil, d.syntaxProblem(c.raw, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, d.syntaxProblem(c.raw, fmt.Errorf("line %d: want a separator on a line of its own: ---", node.Line))
	}
	d.root = node.Content[0]
	return d, d.decode(c.raw)
}

// decode goes through the YAML library that kubectl uses, whose scalars differ
// from newer ones: an unquoted yes is a boolean.
func (d *document) decode(raw []byte) error {
	converted, err := kyaml.YAMLToJSON(raw)
	if err != nil {
		return d.syntaxProblem(raw, err)
	}
	var value any
	if err := utiljson.Unmarshal(converted, &value); err != nil {
		return d.syntaxProblem(raw, err)
	}
	d.object, _ = value.(map[string]any)
	if d.object == nil && value != nil {
		return Problems{{File: d.file, Line: d.line + d.root.Line, Column: d.root.Column, Detail: "want a Kubernetes object: a mapping with apiVersion and kind"}}
	}
	return nil
}

// yamlLine is how the YAML libraries say where.
var yamlLine = regexp.MustCompile(`line (\d+): `)

// unfinished is what they say when a block does not go on as it should. The line
// is then that before the one where the block begins, and the first has none;
// where it goes wrong is not told.
var unfinished = regexp.MustCompile(`^did not find expected (key|node content|<document start>|'-' indicator|',' or '[\]}]')`)

func (d *document) syntaxProblem(raw []byte, err error) Problems {
	detail := strings.TrimPrefix(err.Error(), "yaml: ")
	detail = strings.TrimPrefix(detail, "error converting YAML to JSON: yaml: ")
	line := 0
	if m := yamlLine.FindStringSubmatch(detail); m != nil {
		line, _ = strconv.Atoi(m[1])
		detail = strings.Replace(detail, m[0], "", 1)
	}
	if tab := tabbedLine(raw); tab > 0 && strings.Contains(detail, "tab character") {
		line = tab
	}
	if unfinished.MatchString(detail) {
		line++
		detail += " in the block that begins here; check its indentation and brackets"
	}
	last := bytes.Count(raw, []byte("\n")) + 1 // they count the end of a text that is unfinished as a line
	return Problems{{File: d.file, Line: d.line + min(max(line, 1), last), Column: 1, Detail: "not YAML: " + detail}}
}

// tabbedLine returns the first line that is indented with a tab, 0 if none is: the
// libraries tell where the value began that it is in.
func tabbedLine(raw []byte) int {
	line := 0
	for text := range bytes.Lines(raw) {
		line++
		if bytes.HasPrefix(bytes.TrimLeft(text, " "), []byte("\t")) {
			return line
		}
	}
	return 0
}
