// Rbac-doc writes docs/security/rbac.md from the RBAC markers of package
// controllers and the comments above them, so that the page says of every right
// why the operator has it and cannot say anything of rights that it has not.
//
//	rbac-doc controllers/rbac.go >docs/security/rbac.md
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

const marker = "+kubebuilder:rbac:"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: rbac-doc FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rbac-doc:", err)
		os.Exit(1)
	}
}

func run(path string, out io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	rights, err := read(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return write(out, rights)
}

// right is one marker and the paragraph above it.
type right struct{ groups, resources, verbs, why string }

// read returns the rights in the order of the file. Markers that follow one
// another share the paragraph above the first.
func read(in io.Reader) ([]right, error) {
	var (
		rights []right
		why    []string
		fresh  = true
	)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		text, comment := strings.CutPrefix(lines.Text(), "//")
		text = strings.TrimSpace(text)
		fields, isMarker := strings.CutPrefix(text, marker)
		switch {
		case !comment || text == "":
			why, fresh = nil, true
		case isMarker:
			r := parse(fields)
			r.why = strings.Join(why, " ")
			if r.why == "" {
				return nil, fmt.Errorf("no comment says why: %s", text)
			}
			rights, fresh = append(rights, r), false
		case !fresh: // a paragraph right below a marker
			why, fresh = []string{text}, true
		default:
			why = append(why, text)
		}
	}
	if len(rights) == 0 {
		return nil, fmt.Errorf("no %s markers", marker)
	}
	return rights, lines.Err()
}

func parse(fields string) right {
	var r right
	for field := range strings.SplitSeq(fields, ",") {
		key, value, _ := strings.Cut(field, "=")
		value = strings.ReplaceAll(strings.Trim(value, `"`), ";", ", ")
		switch key {
		case "groups":
			r.groups = value
		case "resources":
			r.resources = value
		case "verbs":
			r.verbs = value
		}
	}
	if r.groups == "" {
		r.groups = "(core)"
	}
	return r
}

func write(out io.Writer, rights []right) error {
	var page strings.Builder
	page.WriteString(intro)
	for _, r := range rights {
		fmt.Fprintf(&page, "| %s | %s | %s | %s |\n", r.groups, r.resources, r.verbs, r.why)
	}
	page.WriteString(outro)
	_, err := io.WriteString(out, page.String())
	return err
}

const intro = `<!-- Written by hack/rbac-doc from controllers/rbac.go; run "make generate". -->
# What the operator may do, and why

These are all its rights on servers and their children. There is none on Secrets, none is a wildcard, and none is to
impersonate, bind or escalate. With the chart's value ` + "`namespaces`" + ` they are a Role in each of those namespaces; otherwise
a ClusterRole.

| API group | resources | verbs | what for |
|---|---|---|---|
`

const outro = `
In its own namespace it also may read and write Leases and create events, to agree with its other replicas on which of
them acts. With ` + "`metrics.enabled`" + ` it may create TokenReviews and SubjectAccessReviews, to ask the API server who a
scraper is and whether it may read metrics.

## What it does not protect from

Who may edit SecuredMCPServers has pods started by the operator without the right to create Deployments. What such a
person can ask for is bounded, and by whom:

| they could | bounded by |
|---|---|
| run an image of their own | ` + "`--allowed-image-prefixes`" + `; restricted Pod Security, which the pods always meet |
| read Secrets and ConfigMaps of the same namespace that a field names | they are mounted into the pods and shown to nobody; an image of their own could show them: bound images |
| claim another team's host | ` + "`--allowed-hosts`" + `; the older of two servers with one resource wins |
| have any ClusterIssuer issue, without the right to create Certificates | a Certificate has one name, the host of ` + "`spec.resource`" + `, so ` + "`--allowed-hosts`" + ` bounds what is issued; which issuers a namespace may use, a CertificateRequestPolicy of cert-manager's approver-policy or a ValidatingAdmissionPolicy on Certificates |
| route another host, draw a certificate, or ask for authentication elsewhere, by an annotation of the Ingress | ` + "`--allowed-ingress-annotations`" + `; with ` + "`--allowed-hosts`" + ` and no list, only a few annotations whose values are numbers |
| join another network, have a container injected or take another identity, by an annotation of the pods | ` + "`--allowed-pod-annotations`" + `; none with ` + "`--allowed-hosts`" + ` and no list |
| get what is meant for another Service of the namespace, by a label of the pods | ` + "`--allowed-pod-labels`" + `; none with ` + "`--allowed-hosts`" + ` and no list; labels that the operator selects by are refused always |
| trust an issuer of their own | a ValidatingAdmissionPolicy: ` + "`config/samples/policies/pin-issuers.yaml`" + ` |
| use nodes, priority or addresses that are for others | quota, PriorityClass quota and admission policies of the cluster, which see these pods as any others |
| act as another service account, reach the node, mount volumes | nothing: no field asks for it |
`
