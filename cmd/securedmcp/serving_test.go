package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for a process before it gives up.
const patience = time.Minute

// process is a securedmcp command that runs while the test goes on.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *transcript
	stderr *transcript
}

// start runs the command until the test ends.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	cmd := command(context.WithoutCancel(t.Context()), args...)
	cmd.Env = append(cmd.Env, "TMPDIR="+t.TempDir())
	p := &process{t: t, cmd: cmd, stdout: newTranscript(t, cmd.StdoutPipe), stderr: newTranscript(t, cmd.StderrPipe)}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting securedmcp: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended already unless the test failed
		_ = cmd.Wait()
	})
	go p.stdout.read()
	go p.stderr.read()
	return p
}

// interrupt ends the command as a person does and returns its exit code.
func (p *process) interrupt() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		p.t.Fatal(err)
	}
	return p.wait()
}

func (p *process) wait() int {
	p.t.Helper()
	p.stdout.end(p.t)
	p.stderr.end(p.t)
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// transcript is what a process has written, line by line.
type transcript struct {
	pipe io.Reader

	mu    sync.Mutex
	lines []string
	grown chan struct{} // closed when a line comes
	done  chan struct{}
}

func newTranscript(t *testing.T, open func() (io.ReadCloser, error)) *transcript {
	t.Helper()
	pipe, err := open()
	if err != nil {
		t.Fatal(err)
	}
	return &transcript{pipe: pipe, grown: make(chan struct{}), done: make(chan struct{})}
}

func (s *transcript) read() {
	defer close(s.done)
	scanner := bufio.NewScanner(s.pipe)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		s.mu.Lock()
		s.lines = append(s.lines, scanner.Text())
		close(s.grown)
		s.grown = make(chan struct{})
		s.mu.Unlock()
	}
}

// await returns the first line that contains text, once there is one.
func (s *transcript) await(t *testing.T, text string) string {
	t.Helper()
	timeout := time.After(patience)
	for {
		line, grown := s.find(text)
		if line != "" {
			return line
		}
		select {
		case <-grown:
		case <-s.done:
			if line, _ := s.find(text); line != "" {
				return line
			}
			t.Fatalf("ended without a line with %q:\n%s", text, s)
		case <-timeout:
			t.Fatalf("no line with %q in %s:\n%s", text, patience, s)
		}
	}
}

func (s *transcript) find(text string) (string, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines {
		if strings.Contains(line, text) {
			return line, nil
		}
	}
	return "", s.grown
}

func (s *transcript) end(t *testing.T) {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Fatalf("still running after %s:\n%s", patience, s)
	}
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// shell runs one command line as a person's shell would.
func shell(t *testing.T, line string) string {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatalf("this test pastes command lines that need curl: %v", err)
	}
	output, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
	if err != nil {
		t.Fatalf("running %s: %v\n%s", line, err, output)
	}
	return string(output)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// deadline ends a test that repeats something for too long.
type deadline struct {
	t   *testing.T
	end time.Time
}

func newDeadline(t *testing.T) deadline { return deadline{t, time.Now().Add(patience)} }

func (d deadline) check(what string) {
	d.t.Helper()
	if time.Now().After(d.end) {
		d.t.Fatalf("no %s within %s", what, patience)
	}
}
