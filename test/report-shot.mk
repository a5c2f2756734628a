# The build report looked at with a browser (Debian's chromium, which is too large to fetch for every `make test`).
NODE ?= node build/node.mjs

.PHONY: report-shot
report-shot: node_modules/.package-lock.json ## The build report in a headless Chromium; pictures in out/report-shots
	@command -v chromium >/dev/null || { echo "chromium is missing: apt-get install --no-install-recommends chromium"; exit 1; }
	@REPORT_SHOT=1 $(NODE) --test --test-timeout=300000 test/report-shot.test.ts
