package compile

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"maps"
	"math/big"
	"math/bits"
	"slices"
	"strings"
)

// maxAlike is how many items of one array may be alike to the validator and
// different nevertheless.
const maxAlike = 16

// wantsUnique tells whether uniqueItems is anywhere in a schema.
func wantsUnique(v any) bool {
	found := false
	if schema, ok := v.(map[string]any); ok {
		for keyword, value := range schema {
			found = found || strings.EqualFold(keyword, "uniqueItems") && value == true
		}
	}
	eachChild(v, func(_ string, child any) { found = found || wantsUnique(child) })
	return found
}

// tooManyAlike tells whether an array in v has more than maxAlike different items of
// one hash. For uniqueItems the validator compares those with each other, and its
// hash knows no bounds: ["ab","c"] and ["a","bc"] have the same, whatever its seed is,
// and 4000 such items took it twelve seconds.
func tooManyAlike(v any) bool {
	seed := maphash.MakeSeed()
	l := likeness{seed: seed, base: maphash.String(seed, "base") % prime}
	l.of(v)
	return l.tooMany
}

// likeness goes through a value once, however deep it is nested: what is known of the
// parts tells what the whole is like.
type likeness struct {
	seed    maphash.Seed
	base    uint64
	tooMany bool
}

// like is what is known of a value. The same bytes are hashed by the validator for all
// that have one stream, and those that have one exact are equal.
type like struct {
	stream stream
	exact  uint64
}

// stream is the value of a polynomial whose coefficients are bytes, each of them and
// one, and the power of its base by which it moves others before it.
type stream struct{ sum, power uint64 }

// prime is the modulus of the polynomial.
const prime = 1<<61 - 1

func times(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return reduce(lo&prime + (hi<<3 | lo>>61))
}

func reduce(a uint64) uint64 {
	if a >= prime {
		return a - prime
	}
	return a
}

func (s stream) then(next stream) stream {
	return stream{reduce(times(s.sum, next.power) + next.sum), times(s.power, next.power)}
}

func streamOf[B string | []byte](base uint64, b B) stream {
	s := stream{power: 1}
	for i := range len(b) {
		s.sum, s.power = reduce(times(s.sum, base)+uint64(b[i])+1), times(s.power, base)
	}
	return s
}

// of follows what the validator hashes, to the byte.
func (l *likeness) of(v any) like {
	switch v := v.(type) {
	case bool:
		if v {
			return l.leaf("bool", 1)
		}
		return l.leaf("bool", 0)
	case text:
		return l.text(string(v))
	case int64:
		return l.number(new(big.Rat).SetInt64(v))
	case float64:
		return l.number(new(big.Rat).SetFloat64(v))
	case list:
		return l.list(v)
	case object:
		return l.object(v)
	}
	return l.leaf("null", 0)
}

func (l *likeness) leaf(kind string, b ...byte) like {
	return like{streamOf(l.base, b), l.exactly(kind, b)}
}

func (l *likeness) exactly(kind string, b []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(l.seed)
	_, _ = h.WriteString(kind)
	_, _ = h.Write(b)
	return h.Sum64()
}

func (l *likeness) text(s string) like {
	var h maphash.Hash
	h.SetSeed(l.seed)
	_, _ = h.WriteString("text")
	_, _ = h.WriteString(s)
	return like{streamOf(l.base, s), h.Sum64()}
}

func (l *likeness) number(n *big.Rat) like {
	num, denom := n.Num().Bytes(), n.Denom().Bytes()
	b := slices.Concat(length(n.Sign()+1), num, denom)
	return like{streamOf(l.base, b), l.exactly("number", append(b, length(len(num))...))}
}

func (l *likeness) list(items list) like {
	all := make([]like, len(items))
	for i, item := range items {
		all[i] = l.of(item)
	}
	whole := l.whole("list", len(items), all)
	l.tooMany = l.tooMany || manyAlike(all)
	return whole
}

func (l *likeness) object(members object) like {
	all := make([]like, 0, 2*len(members))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		all = append(all, l.text(name), l.of(members[name]))
	}
	return l.whole("object", len(members), all)
}

func (l *likeness) whole(kind string, size int, parts []like) like {
	var h maphash.Hash
	h.SetSeed(l.seed)
	_, _ = h.WriteString(kind)
	s := streamOf(l.base, length(size))
	for _, part := range parts {
		s = s.then(part.stream)
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], part.exact)
		_, _ = h.Write(b[:])
	}
	return like{s, h.Sum64()}
}

func length(n int) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(n)) //nolint:gosec // a length, or a sign and one
}

// manyAlike sorts the items of an array.
func manyAlike(items []like) bool {
	if len(items) <= maxAlike {
		return false
	}
	slices.SortFunc(items, func(a, b like) int {
		return cmp.Or(cmp.Compare(a.stream.sum, b.stream.sum), cmp.Compare(a.exact, b.exact))
	})
	different := 1
	for i, item := range items[1:] {
		switch before := items[i]; {
		case before.stream.sum != item.stream.sum:
			different = 1
		case before.exact != item.exact: // of equal ones the validator goes no further than the second
			different++
		}
		if different > maxAlike {
			return true
		}
	}
	return false
}
