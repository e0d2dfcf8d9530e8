# `make help` tells what there is.

.DEFAULT_GOAL := help
SHELL := /bin/sh

# One build for `run` and `test`: the same flags. No debug information: nobody reads it here. The index has to stay:
# SwiftPM finds tests by it on Linux.
export SWIFT_BUILD_FLAGS := -debug-info-format none

# When make is killed, what it runs is asked to stop.
TIED := exec setpriv --pdeathsig TERM --

.PHONY: help
help: ## This list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: setup
setup:
	@scripts/setup

.PHONY: build
build: setup
	@$(TIED) swift build $(SWIFT_BUILD_FLAGS) --product flotilla
	@$(TIED) swift build $(SWIFT_BUILD_FLAGS) --product flotilla-sandbox

.PHONY: run
run: build ## Everything on this machine until Ctrl-C: stores, sandbox, coordinator, shards, workers, API server
	@$(TIED) .build/debug/flotilla up

.PHONY: test
test: setup ## All tests, beside private stores; TEST_FILTER=regex for some
	@$(TIED) swift build $(SWIFT_BUILD_FLAGS) --build-tests
	@$(TIED) scripts/test-with-stores scripts/run-tests

.PHONY: bench
bench: setup ## Benchmarks against the limit, one JSON object a line; BENCH="redis --rounds 3" for some
	@$(TIED) swift build $(SWIFT_BUILD_FLAGS) --product flotilla >&2
	@$(TIED) swift build $(SWIFT_BUILD_FLAGS) -c release --product flotilla-bench >&2
	@$(TIED) swift build $(SWIFT_BUILD_FLAGS) -c release --product flotilla >&2
	@$(TIED) scripts/test-with-stores scripts/run-bench

SEEDS ?= 10000
BUG_SEEDS ?= 1000

# Twice the same in processes of their own shows that nothing hangs on the order of a hash table.
.PHONY: simulate
simulate: setup ## The coordinator's core under seeded faults in virtual time: make simulate SEEDS=10000
	@$(TIED) swift build $(SWIFT_BUILD_FLAGS) -c release --product flotilla-simulate >&2
	@$(TIED) .build/release/flotilla-simulate --seeds $(SEEDS)
	@$(TIED) .build/release/flotilla-simulate --seeds $(BUG_SEEDS) --all-bugs
	@first=$$(.build/release/flotilla-simulate --seeds 50 --digest) \
		&& test "$$first" = "$$(.build/release/flotilla-simulate --seeds 50 --digest)" \
		|| { echo "the same seeds did something else in another process" >&2; exit 1; }

SEED ?=
MINUTES ?= 10

# Of run, operations and failover.
SOAK ?= run operations

.PHONY: soak
soak: setup ## Fleets under faults and operators, checked: make soak SEED=7 MINUTES=60; SOAK="operations" for some
	@for product in flotilla flotilla-sandbox flotilla-soak; do \
		setpriv --pdeathsig TERM -- swift build $(SWIFT_BUILD_FLAGS) -c release --product $$product >&2 || exit; \
	done
	@for part in $(SOAK); do \
		case $$part in run) options="--minutes $(MINUTES) $(if $(SEED),--seed $(SEED))";; *) options=;; esac; \
		setpriv --pdeathsig TERM -- .build/release/flotilla-soak $$part $$options || exit; \
	done

.PHONY: fuzz
fuzz: setup ## Fuzzes what reads bytes from others; SECONDS=60 for each, FUZZ="amqp slicer" for some
	@$(TIED) scripts/fuzz -s $(or $(SECONDS),60) $(FUZZ)

.PHONY: lint
lint: ## Format, links of the documentation, words
	@scripts/lint

.PHONY: format
format: ## Formats the Swift sources
	@swift format format --in-place --parallel --recursive Package.swift Sources Tests LoadTests

.PHONY: clean
clean: ## Removes what was built and the data of `make run`
	@scripts/clean
