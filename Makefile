# Everything a developer runs. `make` alone prints this list.

# The release build erases values from memory after use; see docs/adr/0005.
export GOEXPERIMENT ?= runtimesecret

# The version comes from git; a tree that git does not know is built without one.
BUILDVCS ?= $(shell git status >/dev/null 2>&1 && echo true || echo false)
BIN      ?= bin/livekey
FUZZTIME ?= 20s
SOAK     ?= 10m

.DEFAULT_GOAL := help
.PHONY: help build packages install test e2e-kubernetes image lint fuzz bench soak docs deps

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/livekey, static, erasing values after use
	CGO_ENABLED=0 go build -trimpath -buildvcs=$(BUILDVCS) -ldflags '-s -w' -o $(BIN) ./cmd/livekey

packages: ## build/: deb, rpm, apk and tar.gz, bills of materials, checksums
	@packaging/build.sh

install: build ## as a systemd service; DESTDIR and PREFIX are heard (needs root)
	@systemd/install.sh

test: ## every test, with the race detector and the real servers; installs nothing
	@test/run/test.sh

e2e-kubernetes: ## the pods in a real cluster alone (needs root)
	@test/run/test.sh -v ./test/kubernetes/...

image: ## build/livekey-image.tar, an OCI archive for amd64 and arm64, without Docker
	@tools/image/build.sh

lint: ## golangci-lint, built once into the user's cache
	@test/run/lint.sh

fuzz: ## each fuzz target for FUZZTIME (20s)
	@test/run/fuzz.sh $(FUZZTIME)

bench: build ## the figures of the README, each beside its floor and limit
	@test/run/bench.sh

soak: build ## a simulated month, then the drill and the property tests for SOAK (10m)
	@test/run/soak.sh $(SOAK)

docs: ## the documentation as a site, in build/site (needs mkdocs and mkdocs-material)
	@mkdocs build --quiet --strict

deps: ## the system packages that the tests use (needs root)
	@test/run/deps.sh
