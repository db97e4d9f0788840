package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/securedmcp/operator/cmd/securedmcp/internal/devissuer"
	"github.com/securedmcp/operator/cmd/securedmcp/internal/manifest"
	"github.com/securedmcp/operator/cmd/securedmcp/internal/serve"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1 // the manifest is wrong, or something else did not work
	exitUsage = 2 // the command line is wrong
)

type streams struct {
	in       io.Reader
	out, err io.Writer
}

// errUsage marks errors of the command line.
var errUsage = errors.New("usage")

// run runs one command line and returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	root, started := newRoot(s) //nolint:contextcheck // commands get ctx from ExecuteContext
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if problems, ok := errors.AsType[manifest.Problems](err); ok {
		fmt.Fprintln(s.err, problems) // each line begins with its file, as editors expect
		return exitError
	}
	fmt.Fprintln(s.err, "securedmcp:", err)
	if !*started || isUsage(err) {
		fmt.Fprintf(s.err, "See %s --help.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitError
}

// noArguments takes what cobra would take for the name of a command.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%w: %q stands alone; want flags only", errUsage, args[0])
	}
	return nil
}

func isUsage(err error) bool {
	return errors.Is(err, errUsage) || errors.Is(err, serve.ErrUsage) || errors.Is(err, devissuer.ErrUsage)
}

// newRoot returns the command tree, and whether a command has come so far that
// its line was understood.
func newRoot(s streams) (*cobra.Command, *bool) {
	started := new(bool)
	root := &cobra.Command{
		Use:               "securedmcp",
		Version:           version,
		Short:             "Render and serve SecuredMCPServer manifests without a cluster",
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRun:  func(*cobra.Command, []string) { *started = true },
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddCommand(newRender(s), newServe(s), newDevIssuer(s), newVersion(s))
	return root, started
}
