package manifest

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// fieldErrors puts errors of the API server's validation in our form. The paths
// are those of the manifest.
func fieldErrors(errs field.ErrorList) config.FieldErrors {
	var out config.FieldErrors
	for _, e := range errs {
		if e.Field == "<nil>" && e.Type == field.ErrorTypeTypeInvalid {
			continue // a second report of what has a field elsewhere in errs
		}
		if path, format, ok := beyondFormat(e); ok {
			if !slices.ContainsFunc(errs, func(other *field.Error) bool { return other.Field == path }) {
				out = append(out, config.FieldError{Path: path, Detail: "want " + format})
			}
			continue
		}
		if e.Type == field.ErrorTypeNotSupported && hasWrongType(errs, e.Field) {
			continue // what is no string is none of the strings that are supported
		}
		out = append(out, rooted(e))
	}
	return out
}

// beyondFormat takes apart what is said of a number that its format cannot hold: it
// names the field in its words alone.
func beyondFormat(e *field.Error) (path, format string, ok bool) {
	format, ok = strings.CutPrefix(e.Detail, "Checked value must be of type ")
	if !ok {
		return "", "", false
	}
	format, path, ok = strings.Cut(format, " in ")
	return path, "an " + format, ok
}

func hasWrongType(errs field.ErrorList, path string) bool {
	return slices.ContainsFunc(errs, func(e *field.Error) bool {
		return e.Type == field.ErrorTypeTypeInvalid && e.Field == path
	})
}

// rooted moves an error of the whole object to the field that its message begins
// with: rules about metadata can only be written at the root of a schema.
func rooted(e *field.Error) config.FieldError {
	path := strings.TrimPrefix(e.Field, ".")
	if path != "<nil>" {
		return config.FieldError{Path: path, Detail: describe(e)}
	}
	if path, detail, ok := strings.Cut(e.Detail, ": "); ok && strings.HasPrefix(path, "metadata.") {
		return config.FieldError{Path: path, Detail: detail}
	}
	return config.FieldError{Detail: describe(e)}
}

// describe says what is wrong and what is allowed.
func describe(e *field.Error) string {
	switch e.Type {
	case field.ErrorTypeRequired:
		return "is required"
	case field.ErrorTypeDuplicate:
		return strings.TrimSpace(quote(e.BadValue) + " appears twice")
	case field.ErrorTypeNotSupported:
		return fmt.Sprintf("%s is not supported; %s", quote(e.BadValue), e.Detail)
	case field.ErrorTypeTooLong:
		return e.Detail // what is too long to store is too long to read
	case field.ErrorTypeTypeInvalid:
		got, want := typesOf(e)
		if _, another := typeNames[got]; want == dateTime && !another {
			return fmt.Sprintf("%q: want %s", got, withArticle(want))
		}
		return fmt.Sprintf("is %s; want %s", withArticle(got), withArticle(want))
	default:
		return withValue(e)
	}
}

// quantityPattern is how the schema's pattern for resource quantities begins.
const quantityPattern = `'^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)`

// withValue quotes the value when it is short enough to be of help.
func withValue(e *field.Error) string {
	_, detail, ok := strings.Cut(e.Detail, e.Field+" in body ")
	if !ok {
		detail = e.Detail
	}
	if _, message, ok := strings.Cut(detail, " evaluating rule: "); ok {
		return message // what is before it says in words of Go why there is no more to say
	}
	if strings.Contains(detail, quantityPattern) {
		detail = "want a quantity, for example 128Mi or 10m"
	}
	if text := quote(e.BadValue); text != "" {
		return text + ": " + detail
	}
	return cmp.Or(detail, e.ErrorBody())
}

// quoted finds the values in `supported values: "a", "b"`.
var quoted = regexp.MustCompile(`"([^"]+)"`)

func supported(e *field.Error) []string {
	var values []string
	for _, m := range quoted.FindAllStringSubmatch(e.Detail, -1) {
		values = append(values, m[1])
	}
	return values
}

// typesOf takes `... must be of type array: "string"` apart.
func typesOf(e *field.Error) (got, want string) {
	_, types, _ := strings.Cut(e.Detail, "must be of type ")
	want, got, _ = strings.Cut(types, ":")
	return strings.Trim(strings.TrimSpace(got), `"`), want
}

// dateTime is what the validation calls a string of that format.
const dateTime = "date-time"

// typeNames are the words that YAML uses, for those of the validation.
var typeNames = map[string]string{
	"array":   "a list",
	"bool":    "a boolean",
	"boolean": "a boolean",
	dateTime:  "a date and a time, for example 2026-01-02T03:04:05Z",
	"float64": "a number with a fraction or a very large one",
	"int32":   "an integer",
	"int64":   "an integer",
	"integer": "an integer",
	"null":    "null",
	"number":  "a number",
	"object":  "a mapping",
	"string":  "a string",
}

func withArticle(name string) string {
	return cmp.Or(typeNames[name], "of another type")
}

// quote shows scalars, and the key of an entry of a list that has one; other
// mappings and lists say nothing on one line.
func quote(value any) string {
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case bool, int, int32, int64, float64:
		return fmt.Sprint(v)
	case map[string]any:
		if len(v) == 1 {
			return quote(v["name"])
		}
	}
	return ""
}
