package cluster

import (
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// OperatorNamespace is where the demo and the tests install the operator.
	OperatorNamespace = "securedmcp-system"
	// operatorRelease is the Helm release, and with it the name of what the chart
	// makes.
	operatorRelease = "securedmcp-operator"
)

// OperatorKey is the operator's Deployment.
var OperatorKey = client.ObjectKey{Namespace: OperatorNamespace, Name: operatorRelease}

// InstallArguments are those of helm for the operator's chart with the given
// images; digest changes with the operator's image.
func InstallArguments(images Images, digest string) []string {
	repository, tag := split(images.Operator.Name)
	args := []string{
		"upgrade", "--install", operatorRelease, "charts/securedmcp-operator", "--namespace", OperatorNamespace,
		"--set", "image.repository=" + repository, "--set", "image.tag=" + tag,
		"--set", "runtimeImage=" + images.Runtime.Name,
	}
	if digest != "" {
		args = append(args, "--set", "podAnnotations.securedmcp\\.dev/demo-image=image-"+digest)
	}
	return args
}

// split parts an image reference at its tag.
func split(name string) (repository, tag string) {
	at := strings.LastIndex(name, ":")
	return name[:at], name[at+1:]
}
