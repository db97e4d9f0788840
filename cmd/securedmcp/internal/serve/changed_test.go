package serve

import (
	"errors"
	"testing"

	"github.com/securedmcp/operator/cmd/securedmcp/internal/manifest"
)

// What a person is told about a manifest is told once, however much else happens
// in its directory.
func TestWhatIsKnownIsNotSaidAgain(t *testing.T) {
	good, other := manifest.Source{Raw: []byte("a")}, manifest.Source{Raw: []byte("b")}
	gone := errors.New("no such file")
	s := &runner{source: good}
	for i, step := range []struct {
		src  manifest.Source
		err  error
		want bool
	}{
		{good, nil, false},
		{manifest.Source{}, gone, true},
		{manifest.Source{}, gone, false},
		{manifest.Source{}, errors.New("permission denied"), true},
		{good, nil, true},
		{good, nil, false},
		{other, nil, true},
		{other, nil, false},
	} {
		if got := s.changed(step.src, step.err); got != step.want {
			t.Errorf("step %d: changed %v, want %v", i, got, step.want)
		}
	}
}
