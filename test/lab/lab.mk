# The device lab in full: the package on a booted Debian with systemd, as a device has it. Needs root and the programs that
# the README names; `make test` runs the short form of the same tests.
NODE ?= node build/node.mjs

.PHONY: device-test
device-test: node_modules/.package-lock.json ## The package on a booted Debian with systemd, as on a device (root)
	@LAB=full LAB_REQUIRED=1 $(NODE) --test --test-concurrency=1 --test-timeout=900000 \
	  --test-global-setup=test/harness/run-folder.ts 'test/lab/*.test.ts'
