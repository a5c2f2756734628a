# The budget attacked for a minute: every limit exceeded at once, in a memory cgroup of just the stated sum (root).
NODE ?= node build/node.mjs

attack: ## The budget attacked for a minute, in a memory cgroup of just its size

.PHONY: attack
attack: node_modules/.package-lock.json
	@ATTACK_SECONDS=60 $(NODE) --test --test-timeout=300000 test/e2e/budget.test.ts
