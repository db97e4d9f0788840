package compile

import (
	"encoding/binary"
	"hash/maphash"
	"maps"
	"math/big"
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
	switch v := v.(type) {
	case list:
		return manyAlike(v) || slices.ContainsFunc(v, tooManyAlike)
	case object:
		for _, member := range v {
			if tooManyAlike(member) {
				return true
			}
		}
	}
	return false
}

func manyAlike(items list) bool {
	if len(items) <= maxAlike {
		return false
	}
	seed, alike := maphash.MakeSeed(), map[uint64]int{}
	hashes := make([]uint64, len(items))
	for i, item := range items {
		hashes[i] = hashOf(seed, item, false)
		alike[hashes[i]]++
	}
	different := map[uint64]map[uint64]bool{}
	for i, item := range items {
		h := hashes[i]
		if alike[h] <= maxAlike {
			continue
		}
		if different[h] == nil {
			different[h] = map[uint64]bool{}
		}
		// Of equal ones the validator goes no further than the second.
		if different[h][hashOf(seed, item, true)] = true; len(different[h]) > maxAlike {
			return true
		}
	}
	return false
}

func hashOf(seed maphash.Seed, v any, bounds bool) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	(&hasher{&h, bounds}).write(v)
	return h.Sum64()
}

// hasher writes what the validator hashes, to the byte, and where bounds is true the
// bounds of texts and numbers, too.
type hasher struct {
	*maphash.Hash

	bounds bool
}

func (h *hasher) write(v any) {
	switch v := v.(type) {
	case nil:
		_ = h.WriteByte(0)
	case bool:
		if v {
			_ = h.WriteByte(1)
		} else {
			_ = h.WriteByte(0)
		}
	case text:
		h.bound("text", len(v))
		_, _ = h.WriteString(string(v))
	case int64:
		h.number(new(big.Rat).SetInt64(v))
	case float64:
		h.number(new(big.Rat).SetFloat64(v))
	case list:
		h.bound("list", len(v))
		h.uint(len(v))
		for _, item := range v {
			h.write(item)
		}
	case object:
		h.bound("object", len(v))
		h.uint(len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			h.write(text(name))
			h.write(v[name])
		}
	}
}

func (h *hasher) number(n *big.Rat) {
	num, denom := n.Num().Bytes(), n.Denom().Bytes()
	h.bound("number", len(num))
	h.uint(n.Sign() + 1)
	_, _ = h.Write(num)
	_, _ = h.Write(denom)
}

func (h *hasher) uint(n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n)) //nolint:gosec // a length, or a sign and one
	_, _ = h.Write(b[:])
}

func (h *hasher) bound(kind string, size int) {
	if h.bounds {
		_, _ = h.WriteString(kind)
		h.uint(size)
	}
}
