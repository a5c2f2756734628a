# The benchmarks; included by the Makefile. Linux with two cores, loopback only.
#
#   make bench          everything, with table, results/latest.json and results/latest.svg; about 10 minutes
#   make bench-quick    the main scenarios, table only; below 90 s
#   make bench-syscalls system calls per request; fails above 4.4
#   make bench-start    exec to the first answer
#   make bench-gate     fails if CPU per request is 5 % worse than results/baseline.json (gate.ts says how noise counts)
#   make bench-baseline saves the last `make bench` as what the gate compares with
#   make bench-observed what metrics and logs cost a request; fails above 1.10 times a build without them, and if a line
#                       of a log that nobody reads is neither written nor counted as dropped
#   make bench-profile  where hardwire's own time and garbage go

BENCH_TOOLS := nginx:nginx-light haproxy:haproxy wrk:wrk strace:strace
BENCH_MISSING = $(foreach tool,$(BENCH_TOOLS),$(shell \
	PATH="$$PATH:/usr/sbin" command -v $(firstword $(subst :, ,$(tool))) >/dev/null || echo $(lastword $(subst :, ,$(tool)))))

bench: ## Beside nginx and HAProxy in one run: table, JSON and plot; about 10 minutes
bench-quick: ## The main scenarios of it, below 90 s
bench-gate: ## Fail if CPU per request is 5 % worse than the saved ratios

.PHONY: bench bench-quick bench-syscalls bench-start bench-gate bench-baseline bench-profile bench-observed bench-tools

bench: BENCH_MODE = full
bench-quick: BENCH_MODE = quick
bench-syscalls: BENCH_MODE = syscalls
bench-start: BENCH_MODE = start
bench-gate: BENCH_MODE = gate
bench bench-quick bench-syscalls bench-start bench-gate: node_modules/.package-lock.json bench-tools
	@node build/node.mjs bench/run.ts $(BENCH_MODE)

bench-baseline:
	cp bench/results/latest.json bench/results/baseline.json

bench-profile: node_modules/.package-lock.json bench-tools
	@node build/node.mjs bench/profile.ts

bench-observed: node_modules/.package-lock.json bench-tools
	@node build/node.mjs bench/observed.ts
	@node build/node.mjs bench/blocked-log.ts

# Where Debian starts nginx and HAProxy as services on installation they idle, which costs the measurements nothing.
bench-tools:
	@missing="$(strip $(BENCH_MISSING))"; [ -z "$$missing" ] || { \
	  [ "$$(id -u)" = 0 ] || { echo "missing: $$missing; install them, or run this as root" >&2; exit 69; }; \
	  echo "bench: installing $$missing" >&2; \
	  apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing >/dev/null; }
