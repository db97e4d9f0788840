package live

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle lets the several events of one change become one reload, which comes
	// settleWithin the first of them however many follow.
	settle       = 10 * time.Millisecond
	settleWithin = 200 * time.Millisecond
	// poll is for file systems that send no events, and for a configuration
	// that was refused because its issuer was away.
	poll    = 10 * time.Second
	retryIn = time.Second
)

// Watch reloads whenever something in one of the directories changes, until ctx
// ends. Directories, not files: the kubelet replaces a mounted ConfigMap by
// renaming a symbolic link beside the file.
func (l *Live) Watch(ctx context.Context, dirs []string, onReload func(changed bool, err error), logger *slog.Logger) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching the configuration: %w", err)
	}
	defer watcher.Close()
	for _, dir := range dirs {
		if err := watcher.Add(dir); err != nil {
			return fmt.Errorf("watching %s: %w", dir, err)
		}
	}
	events := make(chan struct{})
	go forward(ctx, watcher, events, logger)
	l.follow(ctx, events, onReload)
	return nil
}

// forward makes events of what the watcher reports, its errors included: after
// one, something may have changed unseen.
func forward(ctx context.Context, watcher *fsnotify.Watcher, events chan<- struct{}, logger *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-watcher.Events:
			if !open {
				return
			}
		case err, open := <-watcher.Errors:
			if !open {
				return
			}
			logger.Warn("watching the configuration", "error", err)
		}
		select {
		case events <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}

// follow reloads at once, after events, and at times without any.
func (l *Live) follow(ctx context.Context, events <-chan struct{}, onReload func(changed bool, err error)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var due time.Time // of the reload that events have asked for, zero without one
	for {
		select {
		case <-ctx.Done():
			return
		case <-events:
			now := time.Now()
			if due.IsZero() {
				due = now.Add(settleWithin)
			}
			timer.Reset(min(settle, due.Sub(now)))
		case <-timer.C:
			due = time.Time{}
			changed, err := l.Reload(ctx)
			onReload(changed, err)
			timer.Reset(l.nextPoll(err))
		}
	}
}

func (l *Live) nextPoll(err error) time.Duration {
	if err != nil {
		return retryIn
	}
	return poll
}
