# What people type. Everything runs under the project's own Node.js (build/node.mjs fetches it once), whatever Node the
# machine has; `npm ci` runs again only when package-lock.json is newer than what is installed.

ARCH := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x64)
ROUTES ?= routes/quickstart.yaml
TARGET ?= targets/linux-$(ARCH).yaml
OUT ?= out/quickstart
# What `make dist` builds ROUTES for.
TARGETS ?= targets/linux-x64.yaml targets/linux-arm64.yaml

INSTALLED := node_modules/.package-lock.json
SOURCES := $(shell find build src -type f -not -name '*.test.ts' -not -name '*.md')
NODE := node build/node.mjs

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run check test dist schema clean

help: ## This list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

run: $(OUT) ## Build routes/quickstart.yaml for this machine, start it before a demo server; Ctrl-C stops both
	@$(NODE) test/demo.ts $(OUT) $(ROUTES) $(TARGET)

$(OUT): $(ROUTES) $(TARGET) $(SOURCES) $(INSTALLED)
	@mkdir -p $(@D)
	@node build/launch.mjs build $(ROUTES) --target $(TARGET) --out $@

check: $(INSTALLED) ## Lint, types, and the routes file
	@node_modules/.bin/biome check --error-on-warnings .
	@node_modules/.bin/tsc --noEmit
	@node build/launch.mjs check $(ROUTES) --target $(TARGET)

test: check ## Lint, types and every test, end to end against packed binaries
	@$(NODE) --test --test-concurrency=1 --test-timeout=300000 --test-global-setup=test/harness/run-folder.ts \
	  '{src,test}/**/*.test.ts'

dist: $(INSTALLED) ## What a release is: ROUTES for all TARGETS into out/dist, compressed and attested, with SHA256SUMS
	@rm -rf out/dist && mkdir -p out/dist
	@for target in $(TARGETS); do \
	  node build/launch.mjs build $(ROUTES) --target $$target --compress --attest \
	    --out out/dist/$(basename $(notdir $(ROUTES)))-$$(basename $$target .yaml) || exit; \
	done
	@cd out/dist && sha256sum $$(find * -maxdepth 0 -type f ! -name '*.SHA256SUMS') >SHA256SUMS

schema: $(INSTALLED) ## The JSON Schema files that editors use, after a change of the language
	@node build/launch.mjs schema routes > routes/schema/routes.v1.json
	@node build/launch.mjs schema target > targets/schema/target.v1.json

clean: ## Remove what was built; what was downloaded stays
	rm -rf out

$(INSTALLED): package-lock.json
	npm ci
	@touch $@

-include bench/bench.mk test/*.mk test/fuzz/*.mk test/lab/*.mk
