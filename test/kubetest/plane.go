package kubetest

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Plane is an API server and an etcd of a test's own, for what would disturb
// other tests: both stop and start, and the data goes back to an earlier state.
// Address and certificates stay what they are.
type Plane struct {
	t      testing.TB
	plane  *envtest.ControlPlane
	config *rest.Config
	data   string
}

// StartPlane starts a Plane, which ends with the test.
func StartPlane(t testing.TB) *Plane {
	t.Helper()
	plane, err := controlPlane()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := &Plane{t: t, plane: plane, data: filepath.Join(dir, "data")}
	certificates := filepath.Join(dir, "certificates")
	for _, d := range []string{p.data, certificates} {
		p.must(os.Mkdir(d, 0o700))
	}
	plane.Etcd.DataDir, plane.APIServer.CertDir = p.data, certificates
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Errorf("stopping the API server: %v", err)
		}
	})
	p.config, err = start(plane)
	p.must(err)
	return p
}

// Config returns a new connection.
func (p *Plane) Config() *rest.Config {
	return rest.CopyConfig(p.config)
}

// StopAPIServer has nobody answer until StartAPIServer.
func (p *Plane) StopAPIServer() {
	p.t.Helper()
	p.must(p.plane.APIServer.Stop())
}

// StartAPIServer starts the API server anew, with empty caches.
func (p *Plane) StartAPIServer() {
	p.t.Helper()
	p.must(p.plane.APIServer.Start())
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
	p.must(p.plane.Etcd.Stop())
	do()
	p.must(p.plane.Etcd.Start())
	p.StartAPIServer()
}

func (p *Plane) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}
