# Every target says what it does beside its name: `make help` lists them.

GO       ?= go
FUZZTIME ?= 10s
# Which benchmarks of the packages run, and how often each.
BENCH      ?= .
BENCHCOUNT ?= 1
DOCKER   ?= docker
BIN      := bin/portico
# The packages whose tests need nothing but Go; e2e comes after them.
UNIT     = $(shell $(GO) list ./... | grep -v -e /e2e$$ -e /e2e/firewall$$ -e /bench$$)
# Arguments of `make run` and `make bench-peers`, as in: make run ARGS="--listen 127.0.0.1:2121"
ARGS     ?=

.DEFAULT_GOAL := help
# The steps of `make test` build on each other.
.NOTPARALLEL:

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/portico
	$(GO) build -o $(BIN) ./cmd/portico

.PHONY: run
run: build ## build and serve the demo folder bin/demo (ARGS="--listen :2122" adds flags)
	@e2e/run-demo.sh $(BIN) bin/demo $(ARGS)

.PHONY: test
test: clients lint unit chart e2e e2e-firewall e2e-dist ## everything a change must pass: lint, unit tests with -race, end-to-end tests

.PHONY: docs
docs: ## make docs/configuration.md and the man pages anew, from comments, defaults and help texts
	$(GO) generate ./cmd/portico

.PHONY: api
api: ## record the public names of the packages anew, in docs/api
	$(GO) generate ./internal/embedding

.PHONY: clients
clients: ## install what e2e needs (curl, lftp, python3) where root and missing
	@e2e/install-clients.sh

.PHONY: s3server
s3server: ## build the S3 server that the tests of object storage start
	-cd e2e/s3server/versitygw && $(GO) tool -n versitygw >/dev/null

.PHONY: lint
lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -w these files:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	staticcheck=$$($(GO) tool -n staticcheck) && cd deploy/dist && $(GO) vet ./... && $$staticcheck ./...

.PHONY: unit
unit: s3server ## unit tests with -race, shuffled
	$(GO) test -race -shuffle=on $(UNIT)

# The first run compiles helm, which takes two minutes.
.PHONY: chart
chart: ## the Helm chart: helm lint and template, the types of the Kubernetes API, what docs/kubernetes.md says
	@staticcheck=$$($(GO) tool -n staticcheck) && cd deploy/helm && $(GO) vet ./... && "$$staticcheck" ./...
	cd deploy/helm && $(GO) test -shuffle=on -timeout 20m ./...

.PHONY: manifests
manifests: ## make deploy/kubernetes anew from the Helm chart
	cd deploy/helm && $(GO) test -count=1 -timeout 20m -run TestManifestsAreCurrent . -update

# In its folder and uncached: then go test shows which clients are missing, and
# sees a server that was built from other sources.
.PHONY: e2e
e2e: s3server ## the built server against curl, lftp, Python ftplib and a Go client
	cd e2e && $(GO) test -race -shuffle=on -count=1 -timeout 20m

# Mostly waiting for what is blocked, so many at once.
.PHONY: e2e-firewall
e2e-firewall: clients ## the built server behind real firewalls, in network namespaces (root); prints the matrix
	cd e2e/firewall && $(GO) test -race -shuffle=on -count=1 -timeout 10m -parallel 40

# Uncached, as e2e is.
.PHONY: e2e-dist
e2e-dist: clients ## the Debian package installed, used and removed, and the image's steps, in roots of their own (root)
	cd deploy/dist && $(GO) test -count=1 -timeout 10m ./...

.PHONY: race
race: ## unit tests ten times and e2e with a server built for the race detector
	$(GO) test -race -shuffle=on -count=10 $(UNIT)
	cd e2e && E2E_RACE=1 $(GO) test -race -shuffle=on -count=1 -timeout 20m

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME=10s
	@set -e; for package in $(UNIT); do \
		targets=$$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); \
		for target in $$targets; do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

.PHONY: microbench
microbench: ## benchmarks of the packages, as benchstat reads them (BENCHCOUNT=10 for its statistics, BENCH=Acquire for some)
	@$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(BENCHCOUNT) $(UNIT)

.PHONY: bench
bench: build microbench ## benchmarks of the packages, then the server's numbers beside their targets
	$(GO) run ./bench -server $(BIN)

.PHONY: growth
growth: build ## what one more session, entry or passive port costs beside many: a table, and plots in docs/growth-*.svg
	$(GO) run ./bench -server $(BIN) -only growth -plots docs

.PHONY: bench-peers
bench-peers: build ## portico beside vsftpd, Pure-FTPd, ProFTPD, pyftpdlib and ftpserverlib (root, Debian; ARGS="-quick -only logins")
	bench/install-peers.sh bin/peers
	$(GO) build -o bin/bench-peers ./bench/peers
	bin/bench-peers -portico $(BIN) -peers bin/peers $(ARGS)

.PHONY: cover
cover: ## test coverage by function, in bin/cover.html too
	@mkdir -p bin
	$(GO) test -coverprofile=bin/cover.out $(UNIT)
	$(GO) tool cover -html=bin/cover.out -o bin/cover.html
	$(GO) tool cover -func=bin/cover.out

.PHONY: cross
cross: ## build for Linux, macOS, Windows and FreeBSD, amd64 and arm64, into bin/cross
	@set -e; for os in linux darwin windows freebsd; do for arch in amd64 arm64; do \
		suffix=; if [ $$os = windows ]; then suffix=.exe; fi; \
		echo "$$os/$$arch"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -o bin/cross/portico-$$os-$$arch$$suffix ./cmd/portico; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build ./...; \
	done; done

# PLATFORMS=linux/amd64,windows/arm64 makes fewer than all eight.
.PHONY: dist
dist: ## archives, deb, rpm, bills of materials and SHA256SUMS into bin/dist (PLATFORMS=linux/amd64 for some)
	cd deploy/dist && $(GO) run . -out ../../bin/dist $(if $(PLATFORMS),-platforms $(PLATFORMS))

.PHONY: reproducible
reproducible: ## make the distribution of the last commit twice, in two places, and compare (PLATFORMS=linux/amd64)
	deploy/dist/reproducible.sh $(PLATFORMS)

.PHONY: image
image: ## the container image portico, by docker (DOCKER=podman for another engine)
	$(DOCKER) build -f deploy/docker/Dockerfile -t portico \
		--build-arg VERSION=$$(git describe --tags --always --dirty) --build-arg COMMIT=$$(git rev-parse HEAD) \
		--build-arg COMMIT_DATE=$$(TZ=UTC0 git show -s --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd) .
