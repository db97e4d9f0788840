package ingress

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const versionURL = "http://127.0.0.1:10246/version"

// nginx is the data plane: a child process and the folder it reads and writes.
type nginx struct {
	program string
	dir     string
	version string        // of the configuration in force; "" before the first
	process *os.Process   // the master; nil before the first configuration
	exited  chan error    // told once, when the master ends
	reload  time.Duration // how long a reload may take
}

func newNginx(program, dir string) *nginx {
	return &nginx{program: program, dir: dir, exited: make(chan error, 1), reload: 10 * time.Second}
}

// apply puts a configuration in force: written beside the old one, tested, swapped, and confirmed by the new workers.
// A configuration that nginx does not take leaves the old one in force. The same configuration again does nothing.
func (n *nginx) apply(ctx context.Context, text []byte, certs map[string][]byte) error {
	text, version := stamp(text)
	if version == n.version {
		return nil
	}
	if err := n.writeCerts(certs); err != nil {
		return err
	}
	next, current := filepath.Join(n.dir, "nginx.conf.next"), filepath.Join(n.dir, "nginx.conf")
	if err := os.WriteFile(next, text, 0o644); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, n.program, "-t", "-q", "-c", next).CombinedOutput(); err != nil {
		return fmt.Errorf("testing the nginx configuration: %w: %s", err, bytes.TrimSpace(out))
	}
	if err := os.Rename(next, current); err != nil {
		return err
	}
	old := n.workers()
	if err := n.startOrReload(current); err != nil {
		return err
	}
	if err := n.confirm(ctx, version, old); err != nil {
		return err
	}
	n.version = version
	return n.pruneCerts(certs)
}

// stamp puts the digest of the text into it.
func stamp(text []byte) (stamped []byte, version string) {
	sum := sha256.Sum256(text)
	version = hex.EncodeToString(sum[:8])
	return bytes.ReplaceAll(text, []byte("@VERSION@"), []byte(version)), version
}

func (n *nginx) startOrReload(conf string) error {
	if n.process != nil {
		return n.process.Signal(syscall.SIGHUP)
	}
	cmd := exec.Command(n.program, "-c", conf) //nolint:noctx // lives as long as we do; see stop
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting nginx: %w", err)
	}
	n.process = cmd.Process
	go func() { n.exited <- fmt.Errorf("nginx ended: %w", errors.Join(cmd.Wait(), errEnded)) }()
	return nil
}

var errEnded = errors.New("it is not expected to")

func (n *nginx) stop() {
	if n.process != nil {
		n.process.Signal(syscall.SIGTERM) //nolint:errcheck // gone is what we want
	}
}

// confirm waits until new workers answer with the version and the old ones take no more connections: else a client
// could still be served by the old configuration after we said that the new one is in force.
func (n *nginx) confirm(ctx context.Context, version string, old []string) error {
	ctx, cancel := context.WithTimeout(ctx, n.reload)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if got, err := askVersion(ctx); err == nil && got == version && !slices.ContainsFunc(old, accepts) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for nginx to take configuration %s: %w", version, ctx.Err())
		case <-tick.C:
		}
	}
}

// workers lists the process ids of nginx's workers.
func (n *nginx) workers() []string {
	if n.process == nil {
		return nil
	}
	pid := strconv.Itoa(n.process.Pid)
	raw, err := os.ReadFile(filepath.Join("/proc", pid, "task", pid, "children"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(raw))
}

// accepts says whether a worker still takes connections: one that is told to end says so in its title.
func accepts(worker string) bool {
	title, err := os.ReadFile(filepath.Join("/proc", worker, "cmdline"))
	return err == nil && len(title) > 0 && !bytes.Contains(title, []byte("shutting down"))
}

// confirmClient opens a new connection for each question: a kept one would be answered by the old worker.
var confirmClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func askVersion(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, versionURL, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := confirmClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64))
	return string(raw), err
}

func (n *nginx) writeCerts(certs map[string][]byte) error {
	dir := filepath.Join(n.dir, "certs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, content := range certs {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			continue // named by its content
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (n *nginx) pruneCerts(keep map[string][]byte) error {
	dir := filepath.Join(n.dir, "certs")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, ok := keep[e.Name()]; !ok && strings.HasSuffix(e.Name(), ".pem") {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
