# What one does with this repository. `make` alone lists it.

GO       ?= go
FUZZTIME ?= 1m
ARGS     ?=
CODE     := $(wildcard cmd clients pkg)

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
REVISION := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
BRANCH   := $(shell git rev-parse --abbrev-ref HEAD 2>/dev/null || echo unknown)
INFO     := github.com/prometheus/common/version
LDFLAGS  := -s -w -X $(INFO).Version=$(VERSION) -X $(INFO).Revision=$(REVISION) -X $(INFO).Branch=$(BRANCH)

.DEFAULT_GOAL := help

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build all programs into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: run
run: build ## run everything in one process on 127.0.0.1:3100, with data in ./skald-data
	./bin/skald $(ARGS)

.PHONY: test
test: ## run all tests
	$(GO) test -timeout 30m ./...

# Tests of programs run them as they are built, without the race detector: it has nothing to see there.
.PHONY: check
check: ## what CI runs: format, vet, lint, floors, generated files, all tests, and again with the race detector
	@unformatted=$$($(GO) tool gofumpt -l $(CODE)); \
	if [ -n "$$unformatted" ]; then echo "not formatted; run: go tool gofumpt -w"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) run ./pkg/logproto/internal/protoc -check
	$(MAKE) --no-print-directory test
	$(GO) test -race -timeout 30m $$($(GO) list ./... | grep -v /cmd/)

.PHONY: fmt
fmt: ## format the code
	$(GO) tool gofumpt -w $(CODE)

.PHONY: bench
bench: ## run the benchmarks of the code (docs/benchmarks.md compares whole servers)
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (1m)
	@set -e; grep -rl --include='*_test.go' '^func Fuzz' $(CODE) | sort | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
			echo "$$(dirname "$$file") $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")"; \
		done; \
	done

.PHONY: docs
docs: ## generate docs/config.md and docs/config-loki.md
	SKALD_UPDATE_DOCS=1 $(GO) test -count=1 -run TestDocsAreFresh ./pkg/skald

.PHONY: proto
proto: ## generate the code of the wire messages
	$(GO) run ./pkg/logproto/internal/protoc

.PHONY: docker
docker: ## build the container image skald
	docker build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --build-arg BRANCH=$(BRANCH) -t skald:$(VERSION) .
