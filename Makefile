# Makefile - the front door. The work is done by CMake, Ninja and the scripts in tools/.
#
#   make            lists the targets
#   make demo       two commands after git clone: a person talks to a model
#   make check      everything that must hold before a change goes in

BUILD        ?= build
prefix       ?= /usr/local
DESTDIR      ?=
FUZZ_SECONDS ?= 60
JOBS         ?= $(shell nproc 2>/dev/null || echo 2)
export BUILD FUZZ_SECONDS JOBS DESTDIR prefix

.DEFAULT_GOAL := help
.PHONY: help setup setup-check setup-ui setup-arm64 build demo test kernels lint format check asan tsan fuzz \
        valgrind arm64 egress prove bench install uninstall clean

help: ## this list
	@echo "hearth: open-weight language models on your own machine"
	@echo
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  Variables: BUILD=$(BUILD) JOBS=$(JOBS) FUZZ_SECONDS=$(FUZZ_SECONDS) prefix=$(prefix) DESTDIR="

setup: ## install the Debian packages a build needs (a minute; nothing when all are there)
	@tools/setup.sh build

setup-check: ## and those that make check needs: clang, formatter, valgrind (two minutes, once)
	@tools/setup.sh build check

setup-ui: ## and those that build the chat in the browser into the program: node, npm
	@tools/setup.sh ui

setup-arm64: ## and those of make arm64: a cross compiler, an emulator
	@tools/setup.sh arm64

build: ## build/hearth and build/libhearth.a (under a minute)
	@tools/build.sh

demo: setup build ## talk to the model that ships inside (off a terminal: one answer)
	@tools/demo.sh

test: ## every test, once, as built for release (a minute)
	@tools/test.sh

kernels: ## hearth-check: every kernel, every tier, against plain C (seconds)
	@tools/kernels.sh

lint: build ## floors, ceilings, names, headers, formatting, and that each rule bites (seconds)
	@tools/lint.sh

format: ## lets clang-format-14 rewrite what lint would refuse (seconds)
	@tools/sources.sh | xargs clang-format-14 -i

check: setup-check ## all of the above, sanitizers and fuzzers (twenty minutes on two cores; half of it fuzzing and sanitizers)
	@tools/check.sh

asan: ## every test under AddressSanitizer and UndefinedBehaviorSanitizer (minutes)
	@tools/sanitize.sh asan

tsan: ## every test under ThreadSanitizer (a quarter of an hour)
	@tools/sanitize.sh tsan

fuzz: ## each fuzzer for FUZZ_SECONDS, two at a time
	@tools/fuzz.sh

valgrind: ## the unit tests under valgrind (minutes)
	@tools/valgrind.sh

arm64: ## the kernels built for 64-bit Arm, under emulation: the same bits? (minutes)
	@tools/arm64.sh

egress: build ## what wants to leave while every end-to-end test runs: calls and packets (an hour)
	@tools/egress_trace.sh all && tools/egress_count.sh all

prove: test ## the private core's promises at full size: 10,000 kills, 1,000 receipts... (half an hour)
	@tools/prove.sh

bench: build ## the matrix of docs/SPEED.md on this machine (minutes; APPEND=1 adds it there)
	@tools/bench.sh $(if $(APPEND),-a)

install: ## program, library, headers, pkg-config, man page, completion (prefix, DESTDIR)
	@tools/install.sh install

uninstall: ## removes what install put there (same prefix, DESTDIR)
	@tools/install.sh uninstall

clean: ## removes the build folder
	rm -rf $(BUILD)
