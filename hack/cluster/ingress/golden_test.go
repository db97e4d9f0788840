package ingress

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestConfigurationIsAsReviewed renders testdata/NAME.yaml and compares it with NAME.conf.
func TestConfigurationIsAsReviewed(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	for _, input := range inputs {
		t.Run(filepath.Base(input), func(t *testing.T) {
			snap := load(t, input)
			text := renderForTest(t, snap, "/run/ingress-nginx")
			// Only what depends on the input: the head is the same for all, and reviewed in the template.
			_, text, _ = strings.Cut(text, "location = /version")
			golden := strings.TrimSuffix(input, ".yaml") + ".conf"
			if *update {
				if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), text); diff != "" {
				t.Errorf("%s (-want +got); -update rewrites it:\n%s", golden, diff)
			}
		})
	}
}

// TestOrderOfObjectsDoesNotMatter guards against reloads for nothing: caches list in random order.
func TestOrderOfObjectsDoesNotMatter(t *testing.T) {
	snap := load(t, "testdata/paths.yaml")
	want := renderForTest(t, snap, "/d")
	slices.Reverse(snap.ingresses)
	for _, s := range snap.slices {
		slices.Reverse(s)
		for _, e := range s {
			slices.Reverse(e.Endpoints)
		}
	}
	if diff := cmp.Diff(want, renderForTest(t, snap, "/d")); diff != "" {
		t.Error(diff)
	}
}

// TestNginxTakesEveryConfiguration runs "nginx -t" on each, where there is an nginx.
func TestNginxTakesEveryConfiguration(t *testing.T) {
	program, err := exec.LookPath("nginx")
	if err != nil || os.Getuid() != 0 {
		t.Skip("needs nginx, and root to bind its ports")
	}
	inputs, _ := filepath.Glob("testdata/*.yaml")
	for _, input := range inputs {
		t.Run(filepath.Base(input), func(t *testing.T) {
			n := newNginx(program, t.TempDir())
			certs := newCertStore(mustSelfSigned(t))
			snap := load(t, input)
			addSecret(t, snap, "good.example.com", "both.example.com")
			snap.attachRoutes("192.0.2.1")
			text, err := render(buildConfig(snap, certs), n.dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := n.writeCerts(certs.files); err != nil {
				t.Fatal(err)
			}
			conf := filepath.Join(n.dir, "nginx.conf")
			if err := os.WriteFile(conf, text, 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.CommandContext(t.Context(), program, "-t", "-q", "-c", conf).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func renderForTest(t *testing.T, snap *snapshot, dir string) string {
	t.Helper()
	addSecret(t, snap, "good.example.com", "both.example.com")
	snap.attachRoutes("192.0.2.1")
	text, err := render(buildConfig(snap, newCertStore(mustSelfSigned(t))), dir)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`-[0-9a-f]{12}\.pem`).ReplaceAllString(string(text), "-DIGEST.pem") // the keys are new each time
}

func load(t *testing.T, path string) *snapshot {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	snap := newSnapshot()
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(raw)))
	for {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return snap
		}
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(doc, []byte("kind:")) {
			add(t, snap, doc)
		}
	}
}

func add(t *testing.T, snap *snapshot, doc []byte) {
	t.Helper()
	if bytes.Contains(doc, []byte("gateway.networking.k8s.io/")) {
		addOfGatewayAPI(t, snap, doc)
		return
	}
	obj, _, err := scheme.Codecs.UniversalDeserializer().Decode(doc, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	switch o := obj.(type) {
	case *networkingv1.Ingress:
		snap.addIngress(o)
	case *corev1.Service:
		snap.addService(o)
	case *discoveryv1.EndpointSlice:
		snap.addSlice(o)
	default:
		t.Fatalf("testdata holds a %T", obj)
	}
}

// addSecret adds web/good, a certificate for the hosts.
func addSecret(t *testing.T, snap *snapshot, hosts ...string) {
	t.Helper()
	cert, key := certFor(t, hosts...)
	snap.addSecret(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "good"},
		Data:       map[string][]byte{corev1.TLSCertKey: cert, corev1.TLSPrivateKeyKey: key},
	})
}
