package ingress

import (
	"bytes"
	_ "embed"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

//go:embed nginx.conf.tmpl
var templateText string

var nginxTemplate = template.Must(template.New("nginx.conf").Funcs(template.FuncMap{"serverName": serverName}).Parse(templateText))

// render writes nginx.conf; dir is the folder for everything nginx itself writes.
func render(cfg config, dir string) ([]byte, error) {
	var buf bytes.Buffer
	err := nginxTemplate.Execute(&buf, struct {
		config
		Dir, CertDir string
	}{cfg, dir, filepath.Join(dir, "certs")})
	return buf.Bytes(), err
}

// serverName is nginx's server_name of a host. Kubernetes lets a wildcard stand for one label, nginx for any number,
// so a wildcard becomes a regular expression.
func serverName(host string) string {
	rest, wildcard := strings.CutPrefix(host, "*.")
	switch {
	case host == "":
		return "_"
	case wildcard:
		return `"~^[^.]+\.` + regexp.QuoteMeta(rest) + `$"`
	default:
		return host
	}
}
