// Package cluster is the Kubernetes that the demo and the end-to-end tests
// work on: the local one of hack/cluster, or any other. It runs the commands
// that a person would run, and looks at what came of them.
package cluster

import (
	"fmt"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// Cluster is a Kubernetes cluster and the ways to reach it.
type Cluster struct {
	client.Client
	Clientset *kubernetes.Clientset
	REST      *rest.Config
	// Kubeconfig is the file that Open was given.
	Kubeconfig string
	// Project is where the commands find charts, samples and programs.
	Project Project

	lock *os.File // nil unless TryLock has it
}

// Open connects to the cluster of a kubeconfig.
func Open(project Project, kubeconfig string) (*Cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading kubeconfig %s: %w", kubeconfig, err)
	}
	log.SetLogger(logr.Discard()) // the client's own; it complains if there is none
	config.UserAgent = "securedmcp-demo"
	config.QPS, config.Burst = 100, 200 // polls are frequent here, and there is one of us
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connecting to the cluster of %s: %w", kubeconfig, err)
	}
	return &Cluster{Client: c, Clientset: clientset, REST: config, Kubeconfig: kubeconfig, Project: project}, nil
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return scheme, v1alpha1.AddToScheme(scheme)
}
