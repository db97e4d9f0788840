package manifest

import (
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// zeroes stand in for scalars of the wrong type.
var zeroes = map[string]any{
	"boolean": false,
	"int32":   int64(0),
	"int64":   int64(0),
	"integer": int64(0),
	"string":  "",
	dateTime:  "1970-01-01T00:00:00Z",
}

// blankWrongTypes puts a zero where the object has a value of the wrong type, so
// that the other fields can still be checked. It reports false when that does
// not help: without a whole list or mapping the other errors would be noise.
func blankWrongTypes(object map[string]any, errs field.ErrorList) bool {
	for _, e := range errs {
		if e.Type != field.ErrorTypeTypeInvalid || e.Field == "<nil>" {
			continue
		}
		_, want := typesOf(e)
		zero, ok := zeroes[want]
		if !ok || !set(object, e.Field, zero) {
			return false
		}
	}
	return true
}

// set replaces the value at path and reports whether there was one.
func set(node any, path string, value any) bool {
	switch parent := node.(type) {
	case map[string]any:
		key, rest := memberOf(parent, strings.TrimPrefix(path, "."))
		if _, there := parent[key]; !there || rest != "" {
			return there && set(parent[key], rest, value)
		}
		parent[key] = value
		return true
	case []any:
		index, rest, _ := strings.Cut(strings.TrimPrefix(path, "["), "]")
		i, err := strconv.Atoi(index)
		if err != nil || i >= len(parent) || rest != "" {
			return err == nil && i < len(parent) && set(parent[i], rest, value)
		}
		parent[i] = value
		return true
	}
	return false
}

// memberOf is the longest key of object that path starts with, and the rest of
// path: keys may contain dots.
func memberOf(object map[string]any, path string) (key, rest string) {
	for k := range object {
		for _, prefix := range []string{k, "[" + k + "]"} {
			after, ok := strings.CutPrefix(path, prefix)
			if ok && endsStep(after) && len(k) > len(key) {
				key, rest = k, after
			}
		}
	}
	return key, rest
}
