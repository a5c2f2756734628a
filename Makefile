# What people type. Everything runs under the project's own Node.js (build/node.mjs fetches it once), whatever Node the
# machine has; `npm ci` runs again only when package-lock.json is newer than what is installed.

ARCH := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x64)
ROUTES ?= routes/quickstart.yaml
TARGET ?= targets/linux-$(ARCH).yaml
OUT ?= out/quickstart
# What `make dist` builds ROUTES for, and upon what it builds images: an OCI image layout with glibc and libstdc++.
TARGETS ?= targets/device-x64.yaml targets/device-arm64.yaml
BASE ?= out/base
# What it makes has a version that grows, and a time. Left out, both are the commit's.
RELEASE ?= $(shell TZ=UTC git log -1 --date=format-local:0.%Y%m%d.%H%M%S --format=%cd 2>/dev/null || echo 0)
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)

INSTALLED := node_modules/.package-lock.json
SOURCES := $(shell find build src -type f -not -name '*.test.ts' -not -name '*.md')
NODE := node build/node.mjs
RUN_TESTS := $(NODE) --test --test-timeout=300000 --test-global-setup=test/harness/run-folder.ts
# Those of running gateways have the machine to themselves; the others are computing alone.
DEVICE_TESTS := $(shell find test/e2e test/fuzz test/lab test/upgrade -name '*.test.ts' | sort)
COMPILER_TESTS := $(filter-out $(DEVICE_TESTS),$(shell find src test -name '*.test.ts' | sort))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run check test dist base schema clean

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
	@$(RUN_TESTS) --test-concurrency=2 $(COMPILER_TESTS)
	@$(RUN_TESTS) --test-concurrency=1 $(DEVICE_TESTS)

dist: $(INSTALLED) | $(BASE) ## What a release is, in out/dist: ROUTES for all TARGETS as file, .deb and image, with SHA256SUMS
	@rm -rf out/dist && mkdir -p out/dist
	@for target in $(TARGETS); do \
	  name=out/dist/$(basename $(notdir $(ROUTES)))-$$(basename $$target .yaml); \
	  SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) node build/launch.mjs build $(ROUTES) --target $$target --out $$name \
	    --compress --attest --release $(RELEASE) --deb out/dist --oci $$name.oci --base $(BASE) || exit; \
	done
	@cd out/dist && sha256sum $$(find * -maxdepth 0 -type f ! -name '*.SHA256SUMS') *.oci/index.json >SHA256SUMS

base: out/base ## An OCI image layout to build images upon, from Debian's packages (apt); BASE is another one

out/base: | $(INSTALLED)
	@mkdir -p out
	@$(NODE) build/package/oci/debian-base.ts $@

schema: $(INSTALLED) ## The JSON Schema files that editors use, after a change of the language
	@node build/launch.mjs schema routes > routes/schema/routes.v1.json
	@node build/launch.mjs schema target > targets/schema/target.v1.json

clean: ## Remove what was built; what was downloaded stays
	rm -rf out

$(INSTALLED): package-lock.json
	npm ci
	@touch $@

-include bench/bench.mk test/*.mk test/fuzz/*.mk test/lab/*.mk
