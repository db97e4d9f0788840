package serve

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle lets an editor finish: many write a file in several steps.
const settle = 100 * time.Millisecond

// watch calls changed after every burst of events in the directory of path, which
// is watched instead of the file because editors replace files. It returns when
// ctx ends.
func watch(ctx context.Context, path string, changed func()) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching %s: %w", path, err)
	}
	defer watcher.Close()
	if err := watcher.Add(filepath.Dir(path)); err != nil {
		return fmt.Errorf("watching %s: %w", path, err)
	}
	changed() // what happened before the watch began
	quiet := time.NewTimer(0)
	quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-watcher.Events:
			quiet.Reset(settle)
		case err := <-watcher.Errors:
			return fmt.Errorf("watching %s: %w", path, err)
		case <-quiet.C:
			changed()
		}
	}
}
