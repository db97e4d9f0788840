package app

import (
	"context"
	"sync"
)

// admissions are the configurations by which somebody has been let in: the one in
// force and those before it that still have requests.
type admissions struct {
	mu   sync.Mutex
	open map[*admission]struct{}
}

// admission ends when a configuration that judges callers otherwise is in force.
type admission struct {
	needs  digests
	lasts  context.Context
	revoke context.CancelFunc
}

func (a *admission) ended() bool { return a.lasts.Err() != nil }

// whenEnded has f called then, unless stop is called before.
func (a *admission) whenEnded(f func()) (stop func() bool) { return context.AfterFunc(a.lasts, f) }

// enter returns an admission and how to leave.
func (a *admissions) enter(needs digests) (*admission, func()) {
	lasts, revoke := context.WithCancel(context.Background())
	entered := &admission{needs, lasts, revoke}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		a.open = map[*admission]struct{}{}
	}
	a.open[entered] = struct{}{}
	return entered, func() {
		revoke()
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.open, entered)
	}
}

// judge ends the admissions that the configuration with these needs may not grant.
// All are compared with it: a text may have changed in between.
func (a *admissions) judge(needs digests) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for entered := range a.open {
		if judgesOtherwise(entered.needs, needs) {
			entered.revoke()
		}
	}
}
