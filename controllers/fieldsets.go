package controllers

import (
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// mostFieldSets is many more than servers differ by in which fields they have.
const mostFieldSets = 1024

// fieldSets has equal sets of fields share their memory: which fields the
// operator owns is about the same for all children of a kind, and takes more
// room than what is in them. What is in a cache is never changed, only copied.
// The zero value is ready for use.
type fieldSets struct {
	mu    sync.Mutex
	known map[string]metav1.FieldsV1
}

func (f *fieldSets) share(fields *metav1.FieldsV1) {
	if fields == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := fields.GetRawString()
	if known, ok := f.known[key]; ok {
		*fields = known
		return
	}
	if f.known == nil || len(f.known) >= mostFieldSets {
		f.known = map[string]metav1.FieldsV1{}
	}
	f.known[key] = *fields
}
