// Demo shows the main job from end to end on a real Kubernetes, and leaves it
// up to look around. The steps are in hack/demo/story.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/securedmcp/operator/hack/demo/story"
)

func main() {
	do := story.Run
	switch {
	case len(os.Args) == 2 && os.Args[1] == "image":
		do = story.BuildImage
	case len(os.Args) == 2 && os.Args[1] == "help":
		fmt.Print(story.Usage)
		return
	case len(os.Args) > 1:
		fmt.Fprint(os.Stderr, story.Usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := do(ctx, story.FromEnvironment(os.Getenv, os.Stdout))
	stop()
	if err == nil {
		return
	}
	if !errors.Is(err, story.ErrFailed) {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	os.Exit(1)
}
