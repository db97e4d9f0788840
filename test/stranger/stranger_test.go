package stranger_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securedmcp/operator/hack/demo/client"
	"github.com/securedmcp/operator/test/freeport"
	"github.com/securedmcp/operator/test/stranger"
)

const (
	resource  = "https://mcp.example.com/billing"
	challenge = `Bearer scope="invoices:read", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/billing"`
)

// nginx starts a real one, whose paths lead to what its pages are of.
func nginx(t *testing.T, upstream string) (address string) {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx"
	}
	folder := t.TempDir()
	port, err := freeport.Pick()
	if err != nil {
		t.Fatal(err)
	}
	address = net.JoinHostPort("127.0.0.1", port)
	const dead = "127.0.0.1:1" // where nobody listens
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() }) // it takes connections, and says nothing
	config := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr crit;
events {}
http {
	server_tokens off; access_log off; proxy_read_timeout 1s;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]s;
		location /server { proxy_pass http://%[3]s/; }
		location /dead { proxy_pass http://%[4]s/; }
		location /silent { proxy_pass http://%[5]s/; }
		location /none { return 503; }
		location / { return 404; }
	}
}`, folder, address, upstream, dead, silent.Addr())
	path := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, "-c", path)
	command.Stderr = t.Output()
	if err := command.Start(); err != nil {
		t.Fatalf("this test needs nginx: hack/apt.sh nginx installs it: %v", err)
	}
	t.Cleanup(func() { stop(); _ = command.Wait() })
	return address
}

// ask waits until nginx listens.
func ask(t *testing.T, target string) *client.Answer {
	t.Helper()
	probe := &client.Probe{Endpoint: target, Transport: http.DefaultTransport}
	deadline := time.Now().Add(time.Minute)
	for {
		answer, err := probe.ListTools(t.Context())
		if err == nil {
			return answer
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// What the package takes for the pages of nginx are those of a real one, and what a
// server says through it is no page.
func TestAnswersThroughNginx(t *testing.T) {
	var status atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", challenge)
		http.Error(w, `{"error":"unavailable"}`, int(status.Load()))
	}))
	defer server.Close()
	address := nginx(t, server.Listener.Addr().String())
	tests := map[string]struct {
		path     string
		says     int32
		status   int
		harmless []stranger.Gone
	}{
		"the challenge":           {"/server", 401, 401, []stranger.Gone{stranger.Nothing, stranger.Server, stranger.Route, stranger.Everything}},
		"nobody listens":          {"/dead", 0, 502, []stranger.Gone{stranger.Server, stranger.Everything}},
		"there are no pods":       {"/none", 0, 503, []stranger.Gone{stranger.Server, stranger.Everything}},
		"the pods say nothing":    {"/silent", 0, 504, []stranger.Gone{stranger.Server, stranger.Everything}},
		"there is no route":       {"/other", 0, 404, []stranger.Gone{stranger.Route, stranger.Everything}},
		"the server takes it":     {"/server", 200, 200, nil},
		"the server forbids it":   {"/server", 403, 403, nil},
		"the server has no such":  {"/server", 404, 404, nil},
		"the server fails":        {"/server", 500, 500, nil},
		"the server says 502":     {"/server", 502, 502, nil},
		"the server is not ready": {"/server", 503, 503, nil},
		"the server says 504":     {"/server", 504, 504, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			status.Store(test.says)
			answer := ask(t, "http://"+address+test.path)
			if answer.Status != test.status {
				t.Fatalf("status %d, want %d", answer.Status, test.status)
			}
			harmless := map[stranger.Gone]bool{}
			for _, gone := range test.harmless {
				harmless[gone] = true
			}
			for _, gone := range []stranger.Gone{stranger.Nothing, stranger.Server, stranger.Route, stranger.Everything} {
				if err := stranger.Check(answer, resource, gone); (err == nil) != harmless[gone] {
					t.Errorf("with %d gone it is said: %v", gone, err)
				}
			}
		})
	}
}

func TestChallengesOfOthersAreNone(t *testing.T) {
	tests := map[string]string{
		"none":              "",
		"another scheme":    `Basic realm="billing"`,
		"no metadata":       `Bearer scope="invoices:read"`,
		"another server's":  `Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/other"`,
		"about a token":     challenge + `, error="invalid_token"`,
		"nothing to parse":  `Bearer resource_metadata="`,
		"somebody else too": `Basic realm="x", ` + challenge,
	}
	for name, header := range tests {
		t.Run(name, func(t *testing.T) {
			if stranger.Check(&client.Answer{Status: http.StatusUnauthorized, Challenge: header}, resource, stranger.Server) == nil {
				t.Errorf("%q is taken for the challenge", header)
			}
		})
	}
}
