package live

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle lets the several events of one change become one reload.
	settle = 10 * time.Millisecond
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
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-watcher.Events:
			timer.Reset(settle)
		case err := <-watcher.Errors:
			logger.Warn("watching the configuration", "error", err)
			timer.Reset(settle)
		case <-timer.C:
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
