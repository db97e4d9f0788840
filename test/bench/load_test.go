package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// process is a server in a process of its own, on a processor of its own.
type process struct {
	cmd  *exec.Cmd
	addr string
}

const serverEnv = "SECUREDMCP_BENCH_SERVER"

func TestMain(m *testing.M) {
	if name := os.Getenv(serverEnv); name != "" {
		if err := serve(name, os.Getenv("SECUREDMCP_BENCH_ISSUER")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// startServer starts the named server on processor 0, the other is for the load. It
// reads the server's log, so that writing it costs what it costs in a pod.
func startServer(b *testing.B, name, issuer string) *process {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), "taskset", "-c", "0", os.Args[0])
	cmd.Env = append(os.Environ(), serverEnv+"="+name, "SECUREDMCP_BENCH_ISSUER="+issuer, "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	addr, err := address(out)
	if err != nil {
		b.Fatalf("starting %s: %v", name, err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return &process{cmd: cmd, addr: addr}
}

// address reads what a server prints until it says where it listens. It may have
// logged by then.
func address(out io.Reader) (string, error) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "{") {
			return lines.Text(), nil
		}
	}
	return "", errors.New("it ended without an address")
}

// cpu is the processor time that the process has used.
func (p *process) cpu(b *testing.B) time.Duration {
	b.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil || len(files) == 0 {
		b.Fatalf("no processor time of %d: %v", p.cmd.Process.Pid, err)
	}
	var total time.Duration
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has ended since
		}
		running, _, _ := strings.Cut(string(raw), " ")
		ns, err := strconv.ParseInt(running, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		total += time.Duration(ns)
	}
	return total
}

// request builds the bytes of a tools/call of the modern revision.
func request(token string) []byte {
	const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"},` +
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},` +
		`"io.modelcontextprotocol/clientCapabilities":{}}}}`
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /bench HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Type: application/json\r\n"+
		"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n")
	if token != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", token)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.Bytes()
}

// load sends requests over some connections until the time is up and returns
// how many were answered with the status.
func (p *process) load(b *testing.B, connections int, d time.Duration, status int, next func() []byte) int {
	b.Helper()
	var answered, other atomic.Int64
	var group sync.WaitGroup
	deadline := time.Now().Add(d)
	for range connections {
		group.Go(func() {
			conn, err := net.Dial("tcp", p.addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			reader := bufio.NewReader(conn)
			for time.Now().Before(deadline) {
				if got, err := exchange(conn, reader, next()); err != nil {
					b.Error(err)
					return
				} else if got != status {
					other.Add(1)
					continue
				}
				answered.Add(1)
			}
		})
	}
	group.Wait()
	if n := other.Load(); n > 0 {
		b.Fatalf("%d answers were not %d", n, status)
	}
	return int(answered.Load())
}

func exchange(conn net.Conn, reader *bufio.Reader, raw []byte) (status int, err error) {
	if _, err := conn.Write(raw); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(reader, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// ready tells whether the server answers one request with 200.
func (p *process) ready(raw []byte) bool {
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	status, err := exchange(conn, bufio.NewReader(conn), raw)
	return err == nil && status == http.StatusOK
}
