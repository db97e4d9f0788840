# Three static programs on an empty image, each a target: operator, runtime, securedmcp.
#
#   docker build --target runtime --build-arg VERSION=v1.0.0 -t ghcr.io/securedmcp/runtime:v1.0.0 .
#
# "make images" makes the same images without an engine (hack/images.sh); "make verify-dockerfile" compares the two. An
# empty build ID makes the programs the same bytes wherever they are built; Go's own depends on the folder it is in.

ARG GO_VERSION=1.26

FROM --platform=$BUILDPLATFORM golang:${GO_VERSION} AS source
ENV CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath" GOCACHE=/cache/build GOMODCACHE=/cache/modules
WORKDIR /src
COPY . .
ARG TARGETOS TARGETARCH
ENV GOOS=${TARGETOS} GOARCH=${TARGETARCH}

# An argument is known in the stage that declares it; not every engine hands it on.
FROM source AS build-operator
ARG VERSION=dev
RUN --mount=type=cache,target=/cache \
    go build -ldflags "-s -w -buildid= -X main.version=${VERSION}" -o /out/operator ./cmd/operator

FROM source AS build-runtime
ARG VERSION=dev
RUN --mount=type=cache,target=/cache \
    go build -ldflags "-s -w -buildid= -X main.version=${VERSION}" -o /out/runtime ./cmd/runtime

FROM source AS build-securedmcp
ARG VERSION=dev
RUN --mount=type=cache,target=/cache \
    go build -ldflags "-s -w -buildid= -X main.version=${VERSION}" -o /out/securedmcp ./cmd/securedmcp

# What the three have in common: the certificate authorities that outgoing TLS trusts, and a user that is not root.
FROM scratch AS base
COPY --from=source /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
USER 65532:65532
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.source="https://github.com/securedmcp/operator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM base AS operator
LABEL org.opencontainers.image.title="SecuredMCP operator" \
      org.opencontainers.image.description="Turns SecuredMCPServer objects into secured MCP servers"
COPY --from=build-operator /out/operator /operator
ENTRYPOINT ["/operator"]

FROM base AS securedmcp
LABEL org.opencontainers.image.title="securedmcp" \
      org.opencontainers.image.description="Serves and renders SecuredMCPServer manifests without a cluster"
COPY --from=build-securedmcp /out/securedmcp /securedmcp
ENTRYPOINT ["/securedmcp"]

# The last target is what a build without --target makes.
FROM base AS runtime
LABEL org.opencontainers.image.title="SecuredMCP runtime" \
      org.opencontainers.image.description="MCP resource server with OAuth 2.1 bearer enforcement"
COPY --from=build-runtime /out/runtime /runtime
EXPOSE 8080 9090
ENTRYPOINT ["/runtime"]
