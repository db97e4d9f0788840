package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/securedmcp/operator/hack/cluster/ingress"
)

func ingressNginx() int {
	var opts ingress.Options
	flags := flag.NewFlagSet("ingress-nginx", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", os.Getenv("KUBECONFIG"), "how to reach the API server")
	flags.StringVar(&opts.Address, "address", "", "IP address for the status of Ingresses (required)")
	flags.StringVar(&opts.Dir, "dir", "/run/ingress-nginx", "folder for nginx's files")
	flags.StringVar(&opts.Program, "nginx", "nginx", "the nginx program")
	flags.StringVar(&opts.Health, "health", "127.0.0.1:10254", "listen address of /healthz")
	flags.Parse(os.Args[1:]) //nolint:errcheck // ExitOnError

	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := runIngress(ctx, *kubeconfig, log, opts); err != nil {
		log.Error("ending", "error", err)
		return 1
	}
	return 0
}

func runIngress(ctx context.Context, kubeconfig string, log *slog.Logger, opts ingress.Options) error {
	if opts.Address == "" {
		return errors.New("-address is required")
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return err
	}
	gateways, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return err
	}
	return ingress.Run(ctx, client, gateways, log, opts)
}
