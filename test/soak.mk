# Memory tests in their full sizes: 500 MB bodies, 64 readers of 64 MB, storms of 1,000 connections. Some minutes.
soak: ## Memory while large bodies pass and after storms, in full sizes

.PHONY: soak
soak: node_modules/.package-lock.json
	@SOAK=1 node build/node.mjs --test --test-timeout=900000 test/e2e/memory.test.ts
