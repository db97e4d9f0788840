package controllers

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// spells remembers since when pods of servers are ready, from when it was first told.
// That is by the clock of this process: the one that the status of a pod goes by may
// be an hour off. The zero value is ready for use.
type spells struct {
	mu    sync.Mutex
	first map[client.ObjectKey]map[spell]time.Time
	now   func() time.Time // nil is time.Now
}

// spell is one time that a pod is ready.
type spell struct {
	pod types.UID
	// began tells spells of one pod apart, and nothing else.
	began int64
}

// of returns what tells for how long a pod of the server has been ready, which it is.
func (s *spells) of(server client.ObjectKey) func(*corev1.Pod) time.Duration {
	return func(p *corev1.Pod) time.Duration {
		s.mu.Lock()
		defer s.mu.Unlock()
		now := time.Now
		if s.now != nil {
			now = s.now
		}
		first := s.first[server]
		if first == nil {
			if s.first == nil {
				s.first = map[client.ObjectKey]map[spell]time.Time{}
			}
			first = map[spell]time.Time{}
			s.first[server] = first
		}
		this := spell{p.UID, readiness(p).LastTransitionTime.Unix()}
		if first[this].IsZero() {
			first[this] = now()
		}
		return now().Sub(first[this])
	}
}

// end forgets the pods of the server.
func (s *spells) end(server client.ObjectKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.first, server)
}
