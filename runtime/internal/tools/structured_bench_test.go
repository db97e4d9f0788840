package tools

import (
	"strconv"
	"strings"
	"testing"
)

// answers of 4 MiB, the default of limits.responseBytes, by what they are made of.
func largeAnswers() map[string]string {
	fill := func(before, after string, element func(i int) string) string {
		var b strings.Builder
		b.WriteString(before)
		for i := 0; b.Len() < 4<<20; i++ {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(element(i))
		}
		return b.String() + after
	}
	return map[string]string{
		"members of one object": fill("{", "}", func(i int) string { return `"` + strconv.Itoa(i) + `":1` }),
		"escaped members":       fill("{", "}", func(i int) string { return `"\n` + strconv.Itoa(i) + `":1` }),
		"small objects": fill(`{"items":[`, "]}", func(i int) string {
			return `{"id":` + strconv.Itoa(i) + `,"name":"invoice","total":12.5,"paid":true}`
		}),
		"text": `{"text":"` + strings.Repeat("a", 4<<20) + `"}`,
	}
}

func BenchmarkIsStructured(b *testing.B) {
	for name, text := range largeAnswers() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if !isStructured(text) {
					b.Fatal("no object")
				}
			}
		})
	}
}

func BenchmarkIsStructuredThatIsSmall(b *testing.B) {
	const text = `{"id":"INV-1","customer":{"name":"A","country":"NL"},"lines":[{"sku":"x","n":1},{"sku":"y","n":2}],"total":12.5}`
	b.ReportAllocs()
	for b.Loop() {
		if !isStructured(text) {
			b.Fatal("no object")
		}
	}
}
