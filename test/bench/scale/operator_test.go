package scale

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/securedmcp/operator/test/kubetest"
)

// process is the operator's program, as it runs in its pod.
type process struct {
	cmd *exec.Cmd
	log string
}

// buildOperator returns the path of the operator's program, which is the one that is
// released but for where it looks for pods: see servePods.
func buildOperator(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "operator")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-ldflags=-X main.loopbackPods=yes", "-o", program, "../../../cmd/operator").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return program
}

func startOperator(b *testing.B, program, token string) *process {
	b.Helper()
	dir := b.TempDir()
	log, err := os.Create(filepath.Join(dir, "log"))
	must(b, err)
	defer log.Close()
	// As the chart sets them for the default memory limit, which is ample for 1,000
	// servers; who has more raises it.
	limit := 241591860 * max(1, *objects/1000)
	cmd := exec.Command(program, "--kubeconfig", kubeconfig(b, dir, token), "--leader-elect=false", "--health-probe-bind-address=0")
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMEMLIMIT=%d", limit), "GOGC=40")
	cmd.Stdout, cmd.Stderr = log, log
	must(b, cmd.Start())
	p := &process{cmd: cmd, log: log.Name()}
	b.Cleanup(func() { _ = cmd.Process.Kill() })
	p.awaitIdle(b)
	return p
}

func kubeconfig(b *testing.B, dir, token string) string {
	b.Helper()
	cfg := kubetest.Config(b)
	path := filepath.Join(dir, "kubeconfig")
	must(b, clientcmd.WriteToFile(*configOf(cfg, token), path))
	return path
}

func configOf(cfg *rest.Config, token string) *api.Config {
	const name = "scale"
	c := api.NewConfig()
	c.Clusters[name] = &api.Cluster{Server: "https://" + strings.TrimPrefix(cfg.Host, "https://"), CertificateAuthorityData: cfg.CAData}
	c.AuthInfos[name] = &api.AuthInfo{Token: token}
	c.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
	c.CurrentContext = name
	return c
}

func (p *process) stop(b *testing.B) {
	b.Helper()
	must(b, p.cmd.Process.Signal(syscall.SIGTERM))
	if err := p.cmd.Wait(); err != nil {
		b.Fatalf("stopping the operator: %v\n%s", err, p.tail())
	}
}

func (p *process) tail() string {
	raw, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(raw[max(0, len(raw)-4000):])
}

// memory is what the process has in memory, in MB.
func (p *process) memory(b *testing.B) float64 {
	b.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	must(b, err)
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kB, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			must(b, err)
			return kB / 1000
		}
	}
	b.Fatal("the operator is dead:\n" + p.tail())
	return 0
}

// awaitIdle waits until the process has used next to no CPU for two seconds: its
// queue is empty.
func (p *process) awaitIdle(b *testing.B) {
	b.Helper()
	const calm = 4 // half seconds
	quiet, before := 0, p.ticks(b)
	for deadline := time.Now().Add(20 * time.Minute); quiet < calm; {
		if time.Now().After(deadline) {
			b.Fatal("the operator is never idle")
		}
		time.Sleep(500 * time.Millisecond)
		now := p.ticks(b)
		if quiet++; now-before > 2 {
			quiet = 0
		}
		before = now
	}
}

// cpu is the CPU time so far.
func (p *process) cpu(b *testing.B) time.Duration {
	b.Helper()
	return time.Duration(p.ticks(b)) * 10 * time.Millisecond
}

// ticks is the CPU time so far, in hundredths of a second.
func (p *process) ticks(b *testing.B) int {
	b.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/stat")
	must(b, err)
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	must(b, err)
	system, err := strconv.Atoi(fields[12])
	must(b, err)
	return user + system
}
