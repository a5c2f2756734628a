# The fuzzer's long form (a million requests, about ten minutes on two cores) and its short one, which CI runs as a test.
# A seed that failed is run again with `make fuzz SEED=…`.
NODE ?= node build/node.mjs

fuzz: ## A million fuzzed requests and answers against the packed binary

.PHONY: fuzz fuzz-quick
fuzz: export REQUESTS ?= 1000000
fuzz fuzz-quick: export SEED ?=
fuzz fuzz-quick:
	$(NODE) --test-timeout=0 test/fuzz/fuzz.test.ts
