package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// endGrace is how long an interrupted command may take to clean up.
const endGrace = 10 * time.Second

// CommandError is a command that did not succeed.
type CommandError struct {
	Command string
	Output  string // the end of what it wrote to standard error
	Err     error
}

func (e *CommandError) Error() string {
	if e.Output == "" {
		return fmt.Sprintf("%s: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("%s: %v: %s", e.Command, e.Err, e.Output)
}

func (e *CommandError) Unwrap() error { return e.Err }

// Kubectl runs kubectl on the cluster and returns what it printed.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.KubectlInput(ctx, nil, args...)
}

// KubectlInput is Kubectl with something on its standard input.
func (c *Cluster) KubectlInput(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	return c.run(ctx, "kubectl", stdin, args)
}

// Helm runs helm on the cluster and returns what it printed.
func (c *Cluster) Helm(ctx context.Context, args ...string) (string, error) {
	return c.run(ctx, "helm", nil, args)
}

func (c *Cluster) run(ctx context.Context, name string, stdin io.Reader, args []string) (string, error) {
	program, err := c.Project.Program(name)
	if err != nil {
		return "", err
	}
	var stdout bytes.Buffer
	err = execute(ctx, command{
		name: name, program: program, args: args, stdin: stdin, stdout: &stdout,
		dir: string(c.Project), env: []string{"KUBECONFIG=" + c.Kubeconfig},
	})
	return stdout.String(), err
}

// Script runs a program of the project and passes its output on as it comes.
func (p Project) Script(ctx context.Context, out io.Writer, path string, args ...string) error {
	return execute(ctx, command{name: path, program: p.Path(path), args: args, stdout: out, merge: true, dir: string(p)})
}

type command struct {
	name, program, dir string
	args, env          []string
	stdin              io.Reader
	stdout             io.Writer
	merge              bool // standard error goes where standard output goes
}

func execute(ctx context.Context, c command) error {
	cmd := exec.CommandContext(ctx, c.program, c.args...)
	cmd.Args[0] = c.name // one program is all of Kubernetes: it goes by its name
	cmd.Dir, cmd.Stdin, cmd.Stdout = c.dir, c.stdin, c.stdout
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = endGrace
	var stderr tail
	cmd.Stderr = &stderr
	if c.merge {
		cmd.Stderr = io.MultiWriter(&stderr, c.stdout)
		cmd.Stdout = cmd.Stderr
	}
	if err := cmd.Run(); err != nil {
		return &CommandError{Command: strings.Join(append([]string{c.name}, c.args...), " "), Output: stderr.String(), Err: err}
	}
	return nil
}

// tail keeps the end of what is written to it.
type tail struct{ buf []byte }

const maxTail = 2000

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - maxTail; over > 0 {
		t.buf = t.buf[over:]
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.buf)) }
