package kubetest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// planeTimeout is for a machine that does much else.
const planeTimeout = 2 * time.Minute

// Plane is an API server and an etcd of a test's own, for what would disturb
// other tests: both stop and start, and the data goes back to an earlier state.
// Address and certificates stay what they are.
type Plane struct {
	t    testing.TB
	env  *envtest.Environment
	data string
}

// StartPlane starts a Plane, which ends with the test.
func StartPlane(t testing.TB) *Plane {
	t.Helper()
	env, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := &Plane{t: t, env: env, data: filepath.Join(dir, "data")}
	certificates := filepath.Join(dir, "certificates")
	for _, d := range []string{p.data, certificates} {
		p.must(os.Mkdir(d, 0o700))
	}
	env.ControlPlaneStartTimeout, env.ControlPlaneStopTimeout = planeTimeout, planeTimeout
	env.ControlPlane.Etcd = &envtest.Etcd{DataDir: p.data}
	env.ControlPlane.GetAPIServer().CertDir = certificates
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Errorf("stopping the API server: %v", err)
		}
	})
	_, err = env.Start()
	p.must(err)
	return p
}

// Config returns a new connection.
func (p *Plane) Config() *rest.Config {
	cfg := rest.CopyConfig(p.env.Config)
	cfg.QPS = -1
	return cfg
}

// StopAPIServer has nobody answer until StartAPIServer.
func (p *Plane) StopAPIServer() {
	p.t.Helper()
	p.must(p.env.ControlPlane.APIServer.Stop())
}

// StartAPIServer starts the API server anew, with empty caches.
func (p *Plane) StartAPIServer() {
	p.t.Helper()
	p.must(p.env.ControlPlane.APIServer.Start())
}

// Snapshot returns a copy of the data as it is. The API server is down meanwhile.
func (p *Plane) Snapshot() (dir string) {
	p.t.Helper()
	dir = filepath.Join(p.t.TempDir(), "snapshot")
	p.offline(func() { p.must(os.CopyFS(dir, os.DirFS(p.data))) })
	return dir
}

// Restore sets the data back to a snapshot, as after the loss of a cluster's
// disks. The API server is down meanwhile.
func (p *Plane) Restore(snapshot string) {
	p.t.Helper()
	p.offline(func() {
		p.must(os.RemoveAll(p.data))
		p.must(os.CopyFS(p.data, os.DirFS(snapshot)))
	})
}

func (p *Plane) offline(do func()) {
	p.t.Helper()
	p.StopAPIServer()
	p.must(p.env.ControlPlane.Etcd.Stop())
	do()
	p.must(p.env.ControlPlane.Etcd.Start())
	p.StartAPIServer()
}

func (p *Plane) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}
