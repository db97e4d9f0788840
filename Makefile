# Every target works on a fresh Debian machine that has Go, git, make and root. What else a target needs it installs or
# builds itself, and says so.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# What "version" prints and what the images' label says: v1.2.3 on a tag, v1.2.3-4-gabcdef0 after it.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# Builds for development replace one another under one tag; a release sets both.
IMAGE_TAG ?= dev
IMAGE_REGISTRY ?= ghcr.io/securedmcp
# How "make images" builds: files (no engine needed), docker or buildah.
IMAGE_ENGINE ?= files
# Budgets of the bounded targets.
FUZZTIME ?= 20s
BENCHTIME ?= 2s
export VERSION IMAGE_TAG IMAGE_REGISTRY IMAGE_ENGINE FUZZTIME BENCHTIME

# One set of build flags for everything: another one would compile client-go and Kubernetes a second time.
export CGO_ENABLED := 0
export GOFLAGS := -buildvcs=false -trimpath
LDFLAGS := -s -w -buildid= -X main.version=$(VERSION)

K8S := $(CURDIR)/bin/k8s
TOOLS := $(CURDIR)/bin/tools
MODULES := . hack/tools hack/cluster hack/certmanager hack/crds

##@ Everyday

.PHONY: help
help: ## List every target with a sentence
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build operator, runtime and securedmcp into bin/
	@for program in operator runtime securedmcp; do \
		echo "building bin/$$program"; \
		go build -ldflags "$(LDFLAGS)" -o bin/$$program ./cmd/$$program; \
	done

.PHONY: test
test: k8s ## Run all tests that need no cluster node: units, contracts, a real API server
	@hack/test.sh

.PHONY: conformance
conformance: ## Run the official MCP conformance suites against the runtime (installs Node 22 with npm)
	@test/conformance/run.sh

.PHONY: clients
clients: ## Run MCP clients and an authorization server of others against the runtime (installs Node 22 with npm)
	@test/clients/run.sh

.PHONY: lint
lint: $(TOOLS)/golangci-lint ## Lint Go and shell code, the API types, and the lint rules themselves
	@hack/lint.sh

.PHONY: fmt
fmt: $(TOOLS)/golangci-lint ## Format the Go code and mend what linters can mend
	@$(TOOLS)/golangci-lint run --allow-serial-runners --fix --issues-exit-code 0 ./... >/dev/null
	@$(TOOLS)/golangci-lint fmt ./...

##@ Generated files

.PHONY: generate
generate: $(TOOLS)/controller-gen $(TOOLS)/client-gen $(TOOLS)/crd-ref-docs ## Regenerate code, manifests and reference documentation
	@hack/generate.sh

.PHONY: manifests
manifests: generate ## Regenerate CRD and RBAC manifests (the same as generate: they come from one run)

.PHONY: tidy
tidy: ## Give every module that both Go modules compile one version, and run "go mod tidy"
	@hack/shared-modules.sh align
	@for module in $(MODULES); do echo "go mod tidy in $$module"; go -C $$module mod tidy; done

.PHONY: verify
verify: verify-format verify-modules verify-imports verify-generated verify-api ## Check all that can be checked without running the code

.PHONY: verify-format
verify-format: ## Check that every Go file is formatted
	@hack/verify-format.sh

.PHONY: verify-modules
verify-modules: ## Check that every go.mod and go.sum is tidy, and that modules share versions
	@hack/verify-modules.sh $(MODULES)

.PHONY: verify-imports
verify-imports: ## Check what the programs link: no Kubernetes code in the runtime, for one
	@hack/verify-imports.sh

.PHONY: verify-generated
verify-generated: $(TOOLS)/controller-gen $(TOOLS)/client-gen $(TOOLS)/crd-ref-docs ## Regenerate everything and fail on a difference
	@hack/verify-generated.sh

.PHONY: verify-api
verify-api: ## Check that the API is compatible with that of the last release (config/crd/released)
	@go run ./hack/api-compat config/crd/released config/crd/bases/securedmcp.dev_securedmcpservers.yaml

##@ A real Kubernetes on this machine

.PHONY: demo
demo: preflight $(if $(DEMO_KUBECONFIG),,k8s images) ## Show the main job from end to end on a real cluster, and leave it up
	@go run ./hack/demo

.PHONY: e2e
e2e: preflight k8s images skewed-operator cert-manager ## Run the end-to-end tests on a cluster of their own (KEEP_CLUSTER=1 leaves it up)
	@hack/e2e.sh

.PHONY: cluster-up
cluster-up: preflight k8s ## Start a cluster: control plane, node, DNS, Ingress
	@hack/cluster/up.sh

.PHONY: cluster-down
cluster-down: ## Remove the cluster and every trace of it
	@hack/cluster/down.sh

.PHONY: verify-cluster
verify-cluster: preflight k8s ## Show that the cluster comes up after every kind of crash and leaves nothing behind (ends one that runs)
	@hack/cluster/abuse.sh

.PHONY: preflight
preflight: ## Check that a cluster can start on this machine, before minutes are spent on building one
	@hack/cluster/preflight.sh

.PHONY: k8s
k8s: ## Build the Kubernetes components into bin/k8s (the first time takes minutes)
	@hack/cluster/build.sh

.PHONY: cert-manager
cert-manager: ## Build cert-manager for the cluster (hack/certmanager/run.sh up starts it there)
	@hack/certmanager/build.sh

##@ Images

.PHONY: images
images: ## Build the container images into dist/images (IMAGE_ENGINE=files, docker or buildah)
	@hack/images.sh

.PHONY: skewed-operator
skewed-operator: ## Build operators whose clock is wrong into dist/e2e, for the end-to-end tests
	@hack/skewed-operator.sh

.PHONY: demo-image
demo-image: ## Build the image of the demo's API into dist/demo, for DEMO_KUBECONFIG
	@DEMO_IMAGE_PREFIX=$(IMAGE_REGISTRY) DEMO_IMAGE_TAG=$(IMAGE_TAG) go run ./hack/demo image

.PHONY: verify-dockerfile
verify-dockerfile: ## Build the Dockerfile with buildah and compare with "make images" (needs root; installs buildah)
	@hack/verify-dockerfile.sh

##@ Measure

.PHONY: bench
bench: ## Run the benchmarks (BENCHTIME=2s each)
	@go test -timeout 30m -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./test/bench/... ./runtime/...

.PHONY: fuzz
fuzz: ## Run every fuzz test for a while (FUZZTIME=20s each)
	@hack/fuzz.sh

##@ House

.PHONY: tools
tools: $(TOOLS)/golangci-lint $(TOOLS)/controller-gen $(TOOLS)/client-gen $(TOOLS)/crd-ref-docs ## Build the pinned tools of hack/tools into bin/tools

# "go tool -modfile=hack/tools/go.mod" runs the same versions. It ignores -trimpath, so it compiles them once more, and
# it needs half a second to find out that nothing changed.
TOOL_controller-gen := sigs.k8s.io/controller-tools/cmd/controller-gen
TOOL_client-gen := k8s.io/code-generator/cmd/client-gen
TOOL_crd-ref-docs := github.com/elastic/crd-ref-docs
TOOL_golangci-lint := sigs.k8s.io/kube-api-linter/cmd/golangci-lint-kube-api-linter

$(TOOLS)/%: hack/tools/go.mod hack/tools/go.sum
	@echo "building $* from hack/tools (up to two minutes the first time)"
	@go -C hack/tools build -ldflags "-s -w" -o $@ $(TOOL_$*)
	@touch $@

.PHONY: clean
clean: ## Remove what was built here: bin, dist and coverage files
	@rm -rf bin dist coverage.txt
	@find . -name '*.test' -type f -not -path './.git/*' -delete
