# Lines of src/core that the suites run, all together, with those they do not; fails below 95 %. Some minutes.
.PHONY: coverage
coverage: node_modules/.package-lock.json
	@node build/node.mjs test/coverage.ts
