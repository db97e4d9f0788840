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
	mu   sync.Mutex
	last map[client.ObjectKey]map[types.UID]spell
	now  func() time.Time // nil is time.Now
}

// spell is the last time that a pod was ready, be it that it still is.
type spell struct {
	// began tells spells of one pod apart, and nothing else.
	began int64
	// first is when it was first told of.
	first time.Time
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
		pods := s.last[server]
		if pods == nil {
			if s.last == nil {
				s.last = map[client.ObjectKey]map[types.UID]spell{}
			}
			pods = map[types.UID]spell{}
			s.last[server] = pods
		}
		began := readiness(p).LastTransitionTime.Unix()
		if last, known := pods[p.UID]; !known || last.began != began {
			pods[p.UID] = spell{began, now()}
		}
		return now().Sub(pods[p.UID].first)
	}
}

// end forgets the pods of the server.
func (s *spells) end(server client.ObjectKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.last, server)
}
