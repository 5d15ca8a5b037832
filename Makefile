# A thin cover over CMake (CMakePresets.json) and tools/; `make` alone lists the targets.
PORT ?= 9001
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 20
JOBS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN)))) # tests wait half of their time
TODAY := $(shell date +%F)
CTEST := ctest --output-on-failure -j $(JOBS) --test-dir

.DEFAULT_GOAL := help
.PHONY: help setup build serve test lint bench bench-report bench-build cost fuzz exhaustive \
    network msan coverage install format clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

setup: ## install what the build and the tests need and this machine lacks
	@tools/setup test

build: ## build the libraries and the command, optimised: build/pirn
	@tools/setup build
	@tools/build release product

serve: build ## run an echo server on PORT (9001) and open its page in the browser
	@tools/serve $(PORT)

test: setup ## build with gcc (-O2) and clang (ASan, UBSan), run every test with both
	@tools/build release
	@tools/build asan-clang
	@$(CTEST) build
	@$(CTEST) build-asan-clang

lint: setup ## check the layout, the walls of the source, the man pages
	@tools/lint

bench: bench-build ## compare speed with the floor and with peers, in two minutes
	@build/bench/bench_core --quick
	@bench/run.py --quick --out build/bench/results.json
	@bench/report.py build/bench/results.json --save quick

bench-report: bench-build ## compare all there is, in half an hour, for bench/results and README.md
	@bench/run.py --out build/bench/echo.json
	@bench/run.py --deflate --out build/bench/deflate.json
	@bench/run.py --tls --out build/bench/tls.json
	@bench/report.py build/bench/echo.json --save echo-$(TODAY) --readme
	@bench/report.py build/bench/deflate.json --save deflate-$(TODAY)
	@bench/report.py build/bench/tls.json --save tls-$(TODAY)

bench-build:
	-@tools/setup bench
	@tools/build release
	@tools/build release bench-peers

cost: setup ## compare instruction counts with bench/cost.txt
	@tools/build release bench_cost
	@tools/cost

fuzz: setup ## run each fuzz target for FUZZ_SECONDS (20)
	@tools/build fuzz
	@tools/fuzz $(FUZZ_SECONDS)

exhaustive: setup ## run the tests that try every input; minutes
	@tools/build release
	@$(CTEST) build -C Exhaustive -L exhaustive
	@PIRN_LONG=1 $(CTEST) build -R interop/deflate

network: setup ## run the tests over a bad network in their long forms; minutes
	@tools/build release
	@PIRN_LONG=1 $(CTEST) build -L network

msan: setup ## run the tests of the core under MemorySanitizer
	@tools/build msan
	@$(CTEST) build-msan -L 'unit|fuzz'

coverage: setup ## print the branch coverage of src/core and the branches left
	@tools/coverage

install: build ## install below PREFIX (/usr/local)
	@cmake --install build --prefix $(PREFIX)

format: ## lay out the sources with clang-format
	@tools/format

clean: ## remove everything that was built
	rm -rf build build-*
