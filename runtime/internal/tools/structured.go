package tools

import (
	"encoding/json"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/securedmcp/operator/runtime/internal/httpmw"
)

// isStructured tells whether text is a JSON object that all readers read alike, and
// can read: no object in it has two members of one name, of which some take the
// first and others the last, and it is nested no deeper than what clients may send.
func isStructured(text string) bool {
	return strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") &&
		json.Valid([]byte(text)) && newMemberScan(text).unambiguous()
}

// nameSeed is secret: nobody can choose names whose hashes are the same.
var nameSeed = maphash.MakeSeed()

// memberScan goes through valid JSON once. Of the names of each open object it keeps
// the hashes, 8 bytes a member. Two names of one hash count as the same: that
// happens by chance once in a million answers of a million members each, and costs no more than
// the structured content.
type memberScan struct {
	text  string
	names []uint64 // of the open objects, the innermost last
	begin []int    // where in names each open object or list begins
}

// newMemberScan has room on the stack for what answers commonly have.
func newMemberScan(text string) *memberScan {
	return &memberScan{text: text, names: make([]uint64, 0, 64), begin: make([]int, 0, 16)}
}

func (s *memberScan) unambiguous() bool {
	for i := 0; i < len(s.text); i++ {
		switch s.text[i] {
		case '{', '[':
			if len(s.begin) == httpmw.MaxDepth {
				return false
			}
			s.begin = append(s.begin, len(s.names))
		case '}', ']':
			if !s.leave() {
				return false
			}
		case '"':
			i = s.readString(i)
		}
	}
	return true
}

// leave forgets the names of the innermost object and tells whether they differed.
func (s *memberScan) leave() bool {
	last := len(s.begin) - 1
	names := s.names[s.begin[last]:]
	s.names, s.begin = s.names[:s.begin[last]], s.begin[:last]
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			return false
		}
	}
	return true
}

// readString returns where the string that begins at i ends. It notes it if it is a
// name, which a colon follows.
func (s *memberScan) readString(i int) int {
	end, escaped := i+1, false
	for ; s.text[end] != '"'; end++ {
		if s.text[end] == '\\' {
			escaped = true
			end++
		}
	}
	if isName(s.text[end+1:]) {
		s.names = append(s.names, hashName(s.text[i:end+1], escaped))
	}
	return end
}

// isName tells by what comes after a string whether it names a member.
func isName(rest string) bool {
	for i := range len(rest) {
		switch rest[i] {
		case ' ', '\t', '\r', '\n':
		default:
			return rest[i] == ':'
		}
	}
	return false
}

// hashName is of what a quoted name means: "a" is "\u0061", too.
func hashName(quoted string, escaped bool) uint64 {
	if escaped {
		return maphash.String(nameSeed, unescape(quoted))
	}
	return maphash.String(nameSeed, quoted[1:len(quoted)-1])
}

// unescape reads a quoted name of valid JSON as Go does.
func unescape(quoted string) (name string) {
	if json.Unmarshal([]byte(quoted), &name) != nil {
		return quoted
	}
	return name
}
