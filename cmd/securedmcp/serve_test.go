package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	kyaml "sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// sample is the manifest that the demo applies to a cluster.
const sample = "../../config/samples/billing-tools.yaml"

// newBillingAPI is what the tools of the sample call.
func newBillingAPI(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /invoices/{id}", func(w http.ResponseWriter, r *http.Request) {
		writeAnswer(w, map[string]string{"id": r.PathValue("id"), "status": "open"})
	})
	mux.HandleFunc("POST /invoices/{id}/void", func(w http.ResponseWriter, r *http.Request) {
		writeAnswer(w, map[string]string{"id": r.PathValue("id"), "status": "void"})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func writeAnswer(w http.ResponseWriter, answer map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// serveSample serves a copy of the sample and returns the path of the copy.
func serveSample(t *testing.T, more ...string) (*process, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "billing-tools.yaml")
	writeFile(t, file, readFile(t, sample))
	args := []string{
		"serve", "-f", file, "--upstream", "billing-api=" + newBillingAPI(t).URL,
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
	}
	return start(t, append(args, more...)...), file
}

// listLine is the curl line that lists the tools.
func listLine(t *testing.T, p *process) string {
	t.Helper()
	p.stdout.await(t, "Watching")
	return p.stdout.await(t, `"method":"tools/list"`)
}

// callLine turns the curl line that lists the tools into one that calls a tool
// for one invoice, and shows the HTTP status.
func callLine(list, tool string) string {
	arguments := map[string]string{
		"lookup_invoice": `{"invoiceId":"INV-2041"}`,
		"void_invoice":   `{"invoiceId":"INV-2041","reason":"written twice"}`,
	}[tool]
	command, _, _ := strings.Cut(list, " -d ")
	return command + ` -i -d '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"` + tool + `","arguments":` + arguments + `}}'`
}

// edit changes the manifest as a person does: the whole file is replaced.
func edit(t *testing.T, file string, change func(*v1alpha1.SecuredMCPServer)) {
	t.Helper()
	var server v1alpha1.SecuredMCPServer
	if err := kyaml.Unmarshal([]byte(readFile(t, file)), &server); err != nil {
		t.Fatal(err)
	}
	change(&server)
	raw, err := kyaml.Marshal(&server)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file+".new", string(raw))
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

func setScopes(server *v1alpha1.SecuredMCPServer, tool string, scopes ...string) {
	i := slices.IndexFunc(server.Spec.Tools, func(t v1alpha1.Tool) bool { return t.Name == tool })
	server.Spec.Tools[i].Scopes = scopes
}

func wantAnswer(t *testing.T, answer, status string, contains ...string) {
	t.Helper()
	first, _, _ := strings.Cut(answer, "\n")
	if !strings.Contains(first, " "+status) {
		t.Errorf("answered %q; want status %s:\n%s", first, status, answer)
	}
	for _, text := range contains {
		if !strings.Contains(answer, text) {
			t.Errorf("the answer lacks %q:\n%s", text, answer)
		}
	}
}

func TestThePrintedLinesWorkUntilAnEditTakesTheScopeAway(t *testing.T) {
	p, file := serveSample(t, "--dev-issuer", "127.0.0.1:0")
	list := listLine(t, p)
	if answer := shell(t, list); !strings.Contains(answer, `"lookup_invoice"`) || !strings.Contains(answer, `"void_invoice"`) {
		t.Fatalf("the tools are not listed: %s", answer)
	}
	void := callLine(list, "void_invoice")
	wantAnswer(t, shell(t, callLine(list, "lookup_invoice")), "200", "INV-2041", "open")
	wantAnswer(t, shell(t, void), "200", "INV-2041", "void")

	edit(t, file, func(s *v1alpha1.SecuredMCPServer) {
		s.Spec.Scopes = append(s.Spec.Scopes, v1alpha1.Scope{Name: "invoices:void"})
		setScopes(s, "void_invoice", "invoices:void")
	})
	p.stdout.await(t, "billing-tools.yaml changed; serving revision")
	wantAnswer(t, shell(t, void), "403", "insufficient_scope", "invoices:void")
	wantAnswer(t, shell(t, callLine(list, "lookup_invoice")), "200", "open")

	edit(t, file, func(s *v1alpha1.SecuredMCPServer) { setScopes(s, "void_invoice", "invoices:viod") })
	p.stderr.await(t, `"invoices:viod" is not a declared scope; declared: invoices:read, invoices:void, invoices:write`)
	p.stderr.await(t, "still serving revision")
	wantAnswer(t, shell(t, void), "403", "invoices:void")

	edit(t, file, func(s *v1alpha1.SecuredMCPServer) { setScopes(s, "void_invoice", "invoices:read") })
	wantEventually(t, void, "200")
	if code := p.interrupt(); code != 0 {
		t.Errorf("exit code %d after an interrupt:\n%s", code, p.stderr)
	}
}

// wantEventually repeats line until it is answered with status.
func wantEventually(t *testing.T, line, status string) {
	t.Helper()
	deadline := newDeadline(t)
	for !strings.Contains(shell(t, line+" -o /dev/null -w '%{http_code}'"), status) {
		deadline.check("status " + status)
	}
}

func TestATokenWithFewerScopesComesFromThePrintedLine(t *testing.T) {
	p, _ := serveSample(t, "--dev-issuer", "127.0.0.1:0")
	list := listLine(t, p)
	var answer struct {
		AccessToken string `json:"access_token"`
		Scope       string `json:"scope"`
	}
	if err := json.Unmarshal([]byte(shell(t, p.stdout.await(t, "client_credentials"))), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Scope != "invoices:read" {
		t.Errorf("scope %q; want what the door requires", answer.Scope)
	}
	line := replaceToken(t, callLine(list, "void_invoice"), answer.AccessToken)
	wantAnswer(t, shell(t, line), "403", "insufficient_scope", "invoices:write")
	line = replaceToken(t, callLine(list, "lookup_invoice"), answer.AccessToken)
	wantAnswer(t, shell(t, line), "200", "open")
}

func replaceToken(t *testing.T, line, token string) string {
	t.Helper()
	before, rest, ok := strings.Cut(line, "Bearer ")
	_, after, closed := strings.Cut(rest, "'")
	if !ok || !closed {
		t.Fatalf("no token in %s", line)
	}
	return before + "Bearer " + token + "'" + after
}

func TestWhatDiffersFromTheManifestIsSaid(t *testing.T) {
	p, _ := serveSample(t, "--dev-issuer", "127.0.0.1:0")
	p.stdout.await(t, "Watching")
	for _, want := range []string{
		"instead of https://auth.example.com: the development authorization server",
		"instead of https://mcp.example.com/billing: where it listens",
		"as --upstream says",
		"believes anyone",
	} {
		p.stdout.await(t, want)
	}
}

func TestAnAudienceOfItsOwnIsKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "billing-tools.yaml")
	writeFile(t, file, readFile(t, sample))
	edit(t, file, func(s *v1alpha1.SecuredMCPServer) { s.Spec.Audience = "api://billing" })
	p := start(t, "serve", "-f", file, "--upstream", "billing-api="+newBillingAPI(t).URL,
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--dev-issuer", "127.0.0.1:0")
	list := listLine(t, p)
	wantAnswer(t, shell(t, callLine(list, "lookup_invoice")), "200", "open")
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(shell(t, p.stdout.await(t, "client_credentials"))), &answer); err != nil {
		t.Fatal(err)
	}
	line := replaceToken(t, callLine(list, "lookup_invoice"), answer.AccessToken)
	wantAnswer(t, shell(t, line), "200", "open")
}

func TestNothingIsLeftBehind(t *testing.T) {
	p, _ := serveSample(t, "--dev-issuer", "127.0.0.1:0")
	p.stdout.await(t, "Watching")
	var directory string
	for _, variable := range p.cmd.Env {
		if value, ok := strings.CutPrefix(variable, "TMPDIR="); ok {
			directory = value
		}
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) != 1 {
		t.Fatalf("%d entries while it runs, error %v; want the directory of the configuration", len(entries), err)
	}
	if code := p.interrupt(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.stderr)
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) != 0 {
		t.Errorf("%d entries afterwards, error %v", len(entries), err)
	}
}

func TestAManifestOnStdinIsServed(t *testing.T) {
	file := readFile(t, sample)
	cmd := command(t.Context(), "serve", "-f", "-", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--dev-issuer", "127.0.0.1:0")
	cmd.Stdin = strings.NewReader(file)
	stdout := newTranscript(t, cmd.StdoutPipe)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // the test has what it wants
		_ = cmd.Wait()
	})
	go stdout.read()
	if answer := shell(t, stdout.await(t, `"method":"tools/list"`)); !strings.Contains(answer, `"lookup_invoice"`) {
		t.Errorf("the tools are not listed: %s", answer)
	}
}

func TestAnAddressInUseEndsTheCommand(t *testing.T) {
	taken := newBillingAPI(t).Listener.Addr().String()
	p, _ := serveSample(t, "--listen", taken, "--dev-issuer", "127.0.0.1:0")
	if code := p.wait(); code != 1 || !strings.Contains(p.stderr.String(), taken) {
		t.Errorf("exit code %d:\n%s", code, p.stderr)
	}
}

func TestBadInputIsNotServed(t *testing.T) {
	got := securedmcp(t, "", "serve", "-f", "testdata/bad/undeclared-scope.yaml", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	if want := readFile(t, "testdata/bad/undeclared-scope.golden"); got.Code != 1 || got.Stderr != want {
		t.Errorf("exit code %d, stderr:\n%s", got.Code, got.Stderr)
	}
}
