package compile

import (
	"errors"
	"strconv"
	"strings"
)

// located is an error in one part of a schema. It reads as the error alone does,
// which names the part in words of its own.
type located struct {
	// path leads from the schema to the part, as in a FieldError:
	// ".properties.invoiceId.type", "" for the schema itself.
	path string
	error
}

func (l located) Unwrap() error { return l.error }

// pathOf returns where in its schema err is, as far as that is known.
func pathOf(err error) string {
	l, _ := errors.AsType[located](err)
	return l.path
}

// locatedAt locates err at a JSON pointer, "#/allOf/0/$ref".
func locatedAt(pointer string, err error) error {
	var path strings.Builder
	for _, token := range strings.Split(pointer, "/")[1:] {
		if _, isIndex := strconv.Atoi(token); isIndex == nil {
			path.WriteString("[" + token + "]")
		} else {
			path.WriteString("." + token)
		}
	}
	return located{path.String(), err}
}
